"""The reduce worker: folds the journal into state; its watchdog."""

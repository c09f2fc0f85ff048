"""The hands: processes that reduce the journal, call VideoSDK and deliver notices."""

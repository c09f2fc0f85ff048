"""Operations that the API, the console, the CLI and the configuration file share. They know no HTTP."""

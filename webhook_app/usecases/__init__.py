"""Operations that API, console, CLI and configuration file share, without HTTP."""

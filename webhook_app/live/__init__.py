"""The live event stream: Server-Sent Events for the API and the console."""

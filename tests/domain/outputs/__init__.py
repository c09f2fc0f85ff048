"""Tests of outputs other than HLS: recordings and RTMP streams."""

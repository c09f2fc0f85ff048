"""MP4 files of HLS streams that have ended: which are wanted, and how far VideoSDK has got with each."""

// Makes one request of each kind with VideoSDK's server SDK. Each carries the name of its case in the header x-case.
// Arguments: the address of a server that records them, the API key, the secret. SERVER_SDK is as in story.mjs.
import { createRequire } from "node:module";

const { VideoSDK } = createRequire(process.env.SERVER_SDK)("@videosdk.live/server-sdk");
const [apiEndpoint, apiKey, secret] = process.argv.slice(2);
const roomId = "abcd-efgh-ijkl";
const webhookUrl = "https://me.example/webhooks/videosdk";
const composition = { layout: "grid", priority: "SPEAKER", gridSize: 4, theme: "DARK", quality: "high" };
const streams = [{ url: "rtmp://a.rtmp.youtube.example/live2", streamKey: "key-of-youtube" }];
const paging = { page: 2, perPage: 20, roomId, sessionId: "session-1" };

const CASES = {
  "hls start": (sdk) => sdk.hls.start(roomId, { webhookUrl }),
  "hls start with options": (sdk) =>
    sdk.hls.start(roomId, { webhookUrl, composition, transcription: { enabled: true }, recording: { enabled: true } }),
  "hls start with a template": (sdk) =>
    sdk.hls.start(roomId, { composition: { layout: { custom: "https://template.example/" } } }),
  "hls end": (sdk) => sdk.hls.stop(roomId),
  "hls end by id": (sdk) => sdk.hls.stop({ type: "hls", roomId, id: "stream-1" }),
  "hls active": (sdk) => sdk.hls.get(roomId),
  "hls by id": (sdk) => sdk.hls.getById("stream-1"),
  "hls list": (sdk) => sdk.hls.list(paging),
  "hls capture": (sdk) => sdk.hls.capture({ roomId }),
  "recording start": (sdk) => sdk.recordings.start(roomId, { webhookUrl }),
  "recording start with options": (sdk) =>
    sdk.recordings.start(roomId, {
      webhookUrl,
      composition,
      dirPath: "sunday",
      fileFormat: "webm",
      onFailure: { action: "close-room", waitTime: 60 },
    }),
  "recording end": (sdk) => sdk.recordings.stop(roomId),
  "recording end by id": (sdk) => sdk.recordings.stop({ type: "recording", roomId, id: "stream-1" }),
  "recording list": (sdk) => sdk.recordings.list(paging),
  "rtmp start": (sdk) => sdk.rtmp.start(roomId, { streams, composition: { layout: "grid" } }),
  "rtmp start with options": (sdk) => sdk.rtmp.start(roomId, { streams, composition }),
  "rtmp end": (sdk) => sdk.rtmp.stop(roomId),
  "rtmp list": (sdk) => sdk.rtmp.list(paging),
  "ongoing session": (sdk) => sdk.sessions.list({ roomId, status: "ongoing" }),
  "session end": (sdk) => sdk.sessions.end({ roomId }),
  session: (sdk) => sdk.sessions.get("session-1"),
  "active participants": (sdk) => sdk.sessions.listActiveParticipants("session-1", { page: 2, perPage: 100 }),
  "room create": (sdk) => sdk.rooms.create({ customRoomId: "sunday", webhook: { url: webhookUrl, events: ["*"] } }),
  "public key": (sdk) => sdk.webhooks.getPublicKey(),
  "hls to mp4": (sdk) => sdk.transcodings.hlsToMp4({ hlsId: "stream-1", webhookUrl }),
  "hls to mp4 by session": (sdk) => sdk.transcodings.hlsToMp4({ sessionId: "session-1" }),
  "transcodings list": (sdk) => sdk.transcodings.list({ hlsId: "stream-1" }),
  transcoding: (sdk) => sdk.transcodings.get("job-1"),
};

for (const [name, call] of Object.entries(CASES)) {
  await call(new VideoSDK({ apiKey, secret, apiEndpoint, maxRetries: 0, headers: { "x-case": name } }));
}

// Uses VideoSDK's server SDK against a sandbox and prints what it returned, as JSON.
// Arguments: the sandbox's address, the API key, the secret. SERVER_SDK is the package.json beside the installed SDK.
import http from "node:http";
import { createRequire } from "node:module";

const { VideoSDK } = createRequire(process.env.SERVER_SDK)("@videosdk.live/server-sdk");
const [address, apiKey, secret] = process.argv.slice(2);
const sdk = new VideoSDK({ apiKey, secret, apiEndpoint: address, maxRetries: 0 });

const events = [];
const waiting = [];
const bodies = [];
const receiver = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const body = Buffer.concat(chunks);
    const signature = request.headers["videosdk-signature"];
    try {
      const event = await sdk.webhooks.verify(body, signature);
      bodies.push([body, signature]);
      events.push({ type: event.type, data: event.data });
    } catch (error) {
      events.push({ type: "rejected", error: error.name });
    }
    response.end("ok");
    for (const { type, resolve } of waiting) if (events.some((event) => event.type === type)) resolve();
  });
});
await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const arrival = (type) =>
  events.some((event) => event.type === type)
    ? Promise.resolve()
    : new Promise((resolve) => waiting.push({ type, resolve }));

const join = async (roomId, participantId, mode) => {
  const body = JSON.stringify({ participantId, name: participantId, mode });
  await fetch(`${address}/sandbox/rooms/${roomId}/join`, { method: "POST", body });
};
const refusal = async (call) => {
  try {
    return { answer: await call };
  } catch (error) {
    return { error: error.name, status: error.httpStatus, message: error.message };
  }
};
const all = async (page) => {
  const items = [];
  for await (const item of await page) items.push(item);
  return items;
};

const results = {};
const url = `http://127.0.0.1:${receiver.address().port}/hook`;
const room = await sdk.rooms.create({ customRoomId: "sunday", webhook: { url, events: ["*"] } });
const { roomId } = room;
results.room = { roomId, customRoomId: room.customRoomId, webhook: room.webhook };
results.roomAgain = (await sdk.rooms.get("sunday")).roomId;
results.validated = [await sdk.rooms.validate(roomId), await sdk.rooms.validate("nobody-knows-it")].map((v) => v.valid);
results.roomIds = (await all(sdk.rooms.list({ query: roomId }))).map((listed) => listed.roomId);
results.withoutSession = await refusal(sdk.recordings.start(roomId));

await join(roomId, "ada", "SEND_AND_RECV");
await join(roomId, "grace", "VIEWER");
const [session] = await all(sdk.sessions.list({ roomId, status: "ongoing" }));
results.session = { id: session.id, status: (await sdk.sessions.get(session.id)).status };
const people = (participants) => participants.map(({ participantId, mode }) => [participantId, mode]);
results.participants = people(await all(sdk.sessions.listParticipants(session.id, { perPage: 1 })));
results.activeParticipants = people(await all(sdk.sessions.listActiveParticipants(session.id, { perPage: 1 })));
results.inRoom = people(await all(sdk.participants.list(roomId)));
results.one = people([await sdk.participants.get(roomId, "ada")]);

const composition = { layout: "grid", priority: "SPEAKER", gridSize: 4, quality: "high" };
const hls = await sdk.hls.start(roomId, { composition });
results.hlsIsActive = (await sdk.hls.get(roomId)).id === hls.id;
results.secondHls = await refusal(sdk.hls.start(roomId));
await arrival("hls-playable");
results.capture = (await sdk.hls.capture({ roomId, width: 640 })).meta.width;
results.hlsStop = await sdk.hls.stop(hls);
await arrival("hls-stopped");
results.noneActive = await refusal(sdk.hls.get(roomId));
results.hlsEnded = Boolean((await sdk.hls.getById(hls.id)).end);
const job = await sdk.transcodings.hlsToMp4({ hlsId: hls.id });
const done = await sdk.transcodings.get(job.id);
results.transcoding = { task: job.task, status: done.status, hasFile: Boolean(done.file?.fileUrl) };
results.transcodings = (await all(sdk.transcodings.list({ hlsId: hls.id }))).length;
results.hlsListed = (await all(sdk.hls.list({ roomId }))).map((listed) => listed.id === hls.id);
results.hlsDelete = await sdk.hls.delete(hls.id);

const recording = await sdk.recordings.start(roomId, { fileFormat: "webm", composition });
results.recording = { type: recording.type, id: recording.id ?? null, raw: recording.raw };
results.secondRecording = await refusal(sdk.recordings.start(roomId));
results.badLayout = await refusal(sdk.recordings.start(roomId, { composition: { quality: "high" } }));
await arrival("recording-started");
results.recordingStop = await sdk.recordings.stop(recording);
await arrival("recording-stopped");
const [row] = await all(sdk.recordings.list({ roomId, sessionId: session.id }));
const detail = await sdk.recordings.get(row.id);
results.recordingFile = { url: detail.file.fileUrl, ended: Boolean(detail.end), webhooks: typeof detail.webhook.totalCount };
results.recordingDelete = await sdk.recordings.delete(row.id);

const streams = [{ url: "rtmp://a.rtmp.youtube.example/live2", streamKey: "key-of-youtube" }];
results.rtmpWithoutLayout = await refusal(sdk.rtmp.start(roomId, { streams }));
const rtmp = await sdk.rtmp.start(roomId, { streams, composition: { layout: "spotlight" } });
results.rtmp = { type: rtmp.type, id: rtmp.id ?? null, raw: rtmp.raw };
await arrival("livestream-started");
results.rtmpStop = await sdk.rtmp.stop(roomId);
await arrival("livestream-stopped");
const [stream] = await all(sdk.rtmp.list({ roomId }));
results.rtmpOutputs = (await sdk.rtmp.get(stream.id)).outputs;
results.nothingToStop = await refusal(sdk.rtmp.stop(roomId));

const ended = await sdk.sessions.end({ roomId });
results.ended = { id: ended.id, status: ended.status, roomId: ended.roomId };
await arrival("session-ended");
results.disabled = (await sdk.rooms.end(roomId)).disabled;

const [[body, signature]] = bodies;
results.tampered = await refusal(sdk.webhooks.verify(Buffer.concat([body, Buffer.from(" ")]), signature));
results.unsigned = await refusal(sdk.webhooks.verify(body, undefined));
results.types = events.map((event) => event.type);
results.stopped = events.find((event) => event.type === "recording-stopped").data;
receiver.close();
receiver.closeAllConnections();
console.log(JSON.stringify(results));

"use strict";
// An agent's phone in a page: registers with what POST …/browser-credentials gave, answers, calls, and says what it hears.
// Every function is called from the test, which waits for what it returns.

const MICROPHONE = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const OPTIONS = { mediaConstraints: { audio: MICROPHONE, video: false }, pcConfig: { iceServers: [] } };
const phone = { ua: null, session: null, analyser: null, context: null, ended: [], registered: false };

function start(config) {
  const sockets = config.sockets.map((address) => new JsSIP.WebSocketInterface(address));
  phone.ua = new JsSIP.UA({ ...config, sockets });
  phone.ua.on("newRTCSession", ({ session, originator }) => {
    phone.session = session;
    session.on("peerconnection", ({ peerconnection }) => watch(peerconnection));
    session.on("ended", ({ originator: who, cause }) => phone.ended.push(`${who} ${cause}`));
    session.on("failed", ({ originator: who, cause }) => phone.ended.push(`${who} ${cause}`));
    if (originator === "remote") session.answer(OPTIONS);
    else watch(session.connection);
  });
  return new Promise((done, fail) => {
    phone.ua.on("registered", () => { phone.registered = true; done("registered"); });
    phone.ua.on("unregistered", () => { phone.registered = false; });
    phone.ua.on("registrationFailed", ({ cause }) => fail(new Error(`not registered: ${cause}`)));
    phone.ua.on("disconnected", ({ error }) => error && fail(new Error("no WebSocket")));
    phone.ua.start();
  });
}

function call(number) {
  phone.ua.call(number, OPTIONS);
  return new Promise((done, fail) => {
    phone.session.on("confirmed", () => done("confirmed"));
    phone.session.on("failed", ({ cause }) => fail(new Error(`call failed: ${cause}`)));
  });
}

function hangUp() {
  phone.session.terminate();
}

function watch(connection) {
  connection.addEventListener("track", ({ streams: [stream] }) => {
    const speaker = new Audio();
    speaker.srcObject = stream;
    speaker.play();
    phone.speaker = speaker;
    phone.context = phone.context || new AudioContext();
    phone.analyser = phone.context.createAnalyser();
    phone.analyser.fftSize = 8192;
    phone.analyser.smoothingTimeConstant = 0;
    phone.context.createMediaStreamSource(stream).connect(phone.analyser);
  });
}

// The loudest frequency at this moment and how loud it is, in Hz and dB.
function heard() {
  if (!phone.analyser) return { hz: 0, db: -200 };
  const bins = new Float32Array(phone.analyser.frequencyBinCount);
  phone.analyser.getFloatFrequencyData(bins);
  const best = bins.indexOf(Math.max(...bins));
  return { hz: (best * phone.context.sampleRate) / phone.analyser.fftSize, db: bins[best] };
}

// What WebRTC says of the call: codecs, packets, and how it is encrypted.
async function report() {
  const stats = [...(await phone.session.connection.getStats()).values()];
  const of = (type) => stats.find((one) => one.type === type && (one.kind || "audio") === "audio") || {};
  const codec = (one) => (stats.find((other) => other.id === one.codecId) || {}).mimeType || "";
  const [received, sent, transport] = [of("inbound-rtp"), of("outbound-rtp"), of("transport")];
  return {
    codecIn: codec(received), codecOut: codec(sent), packetsIn: received.packetsReceived || 0,
    packetsOut: sent.packetsSent || 0, lost: received.packetsLost || 0, dtls: transport.dtlsState || "",
    tls: transport.tlsVersion || "", srtp: transport.srtpCipher || "", ice: transport.iceState || "",
  };
}

async function stop() {
  phone.ua.stop();
}

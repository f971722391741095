// One viewing of one stream: WHEP (an offer is posted, an answer comes back), the coded video, and
// the data channel "overlay" with what was seen in it.

import { Refused, address, said } from "./api.js";

const ANSWER_MS = 5000;

// Opens a viewing. Gives { peer, channel, closed (a promise of why), close() }.
// video: where the pictures go; heard(buffer): an overlay message. Raises Refused, or what fetch does.
export async function open(stream, ice, video, heard) {
  const peer = new RTCPeerConnection({ iceServers: ice, bundlePolicy: "max-bundle" });
  const channel = peer.createDataChannel("overlay", { ordered: false, maxRetransmits: 0 });
  channel.binaryType = "arraybuffer";
  channel.onmessage = ({ data }) => heard(data);
  const { receiver } = peer.addTransceiver("video", { direction: "recvonly" });
  delay(receiver, 0);
  let resource = null;
  let end;
  const closed = new Promise((done) => (end = done));
  const close = (why = "left") => {
    // First the server is told, then the connection ends: the other way round there is nothing left
    // to be told of.
    const told = resource ? leave(resource) : null;
    resource = null;
    if (told) told.finally(() => peer.close());
    else peer.close();
    end(why);
  };
  peer.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {}); // muted pictures may always play; a hidden page plays later
    track.onended = () => {
      resource = null; // the server knows
      close("the server has ended the stream");
    };
  };
  peer.onconnectionstatechange = () => {
    if (["failed", "disconnected"].includes(peer.connectionState)) close("the connection broke");
  };
  try {
    // The offer goes out at once, and candidates after it: a browser takes a second to find its own,
    // and the server has those of its own to begin with.
    const candidates = collected(peer);
    await peer.setLocalDescription();
    const answer = await post(stream, peer.localDescription.sdp);
    resource = answer.resource;
    if (peer.signalingState === "closed") throw new Error("left before the answer came");
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    candidates((candidate) => trickle(resource, peer, candidate));
  } catch (error) {
    close(error.message);
    throw error;
  }
  return { peer, receiver, channel, closed, close };
}

// How long the picture is held back, in milliseconds; 0 is as little as the browser can.
export function delay(receiver, ms) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = ms;
}

async function post(stream, sdp) {
  const path = `whep/${encodeURIComponent(stream)}`;
  const response = await fetch(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: sdp,
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (response.status !== 201) throw new Refused(path, response.status, await said(response));
  const location = response.headers.get("location");
  return { sdp: await response.text(), resource: location && new URL(location, response.url) };
}

// Keeps a peer's candidates until somebody sends them; gives the function that takes the sender.
// Names under .local, behind which browsers hide addresses, say nothing to a server.
function collected(peer) {
  const waiting = [];
  let send = (candidate) => waiting.push(candidate);
  peer.onicecandidate = ({ candidate }) => {
    if (candidate?.candidate && !candidate.address?.endsWith(".local")) send(candidate);
  };
  return (sender) => {
    send = sender;
    waiting.splice(0).forEach(sender);
  };
}

function trickle(resource, peer, { candidate, sdpMid }) {
  if (!resource) return;
  const [, ufrag] = /a=ice-ufrag:(\S+)/.exec(peer.localDescription.sdp) ?? [];
  const [, password] = /a=ice-pwd:(\S+)/.exec(peer.localDescription.sdp) ?? [];
  const body = `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${password}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:${sdpMid ?? 0}\r\na=${candidate}\r\n`;
  const headers = { "Content-Type": "application/trickle-ice-sdpfrag" };
  // Without them the connection is found from the server's side alone, as it mostly is.
  fetch(resource, { method: "PATCH", headers, body }).catch(() => {});
}

// Lets the server know at once, also while the page is being left.
function leave(resource) {
  return fetch(resource, { method: "DELETE", keepalive: true }).catch(() => {});
}

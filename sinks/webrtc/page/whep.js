// One viewing of one stream: WHEP (an offer is posted, an answer comes back), the coded video, and
// the data channel "overlay" with what was seen in it.

import { Refused, address, said } from "./api.js";

const GATHER_MS = 60; // after the first candidate, for others; later ones are sent after
const LONGEST_MS = 1000; // for the first
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
    peer.close();
    if (resource) leave(resource);
    resource = null;
    end(why);
  };
  peer.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {}); // muted pictures may always play; a hidden page plays later
    track.onended = () => close("the server has ended the stream");
  };
  peer.onconnectionstatechange = () => {
    if (["failed", "closed", "disconnected"].includes(peer.connectionState)) close("the connection broke");
  };
  try {
    await peer.setLocalDescription();
    const late = await gathered(peer);
    const answer = await post(stream, peer.localDescription.sdp);
    resource = answer.resource;
    if (peer.signalingState === "closed") throw new Error("left before the answer came");
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    late((candidate) => trickle(resource, peer, candidate));
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

// Waits until the offer has a candidate or two. All of them can take a second, since browsers hide
// addresses behind names that must be announced first. Gives a function that sends on what comes later.
function gathered(peer) {
  return new Promise((ready) => {
    const later = [];
    let send = (candidate) => later.push(candidate);
    let sent = false;
    const go = () => {
      if (sent) return;
      sent = true;
      ready((sender) => {
        send = sender;
        later.splice(0).forEach(sender);
      });
    };
    peer.onicecandidate = ({ candidate }) => {
      if (!candidate) go();
      else if (sent) send(candidate);
      else setTimeout(go, GATHER_MS);
    };
    setTimeout(go, LONGEST_MS);
  });
}

function trickle(resource, peer, { candidate, sdpMid }) {
  if (!resource) return;
  const [, ufrag] = /a=ice-ufrag:(\S+)/.exec(peer.localDescription.sdp) ?? [];
  const [, password] = /a=ice-pwd:(\S+)/.exec(peer.localDescription.sdp) ?? [];
  const body = `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${password}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:${sdpMid ?? 0}\r\na=${candidate}\r\n`;
  const headers = { "Content-Type": "application/trickle-ice-sdpfrag" };
  // A server without trickle has candidates enough: those of the offer.
  fetch(resource, { method: "PATCH", headers, body }).catch(() => {});
}

// Lets the server know at once, also while the page is being left.
function leave(resource) {
  fetch(resource, { method: "DELETE", keepalive: true }).catch(() => {});
}

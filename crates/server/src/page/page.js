// The station's own speed test: ndt7 over WebSocket, one direction after the other.
'use strict';

const SUBPROTOCOL = 'net.measurementlab.ndt.v7';
const NORMAL_CLOSURE = 1000;
const TEST_SECONDS = 10;
const LONGEST_SECONDS = 15;
const SMALLEST_MESSAGE = 1 << 13;
// Firefox and Chromium copy each message; longer ones only cost memory.
const LARGEST_MESSAGE = 1 << 20;
// What may wait in the browser before this page stops adding to it.
const SEND_AHEAD = 7 * LARGEST_MESSAGE;

const element = (id) => document.getElementById(id);
const megabits = (bytes, seconds) => bytes * 8 / 1e6 / seconds;

function showRate(direction, rate, seconds) {
  element(`${direction}-rate`).textContent = rate >= 100 ? rate.toFixed(0) : rate.toFixed(1);
  element(`${direction}-progress`).value = Math.min(seconds / TEST_SECONDS, 1);
}

// Of both tests, microseconds.
let minRtt = Infinity;

function showServer(direction, measurement) {
  if (measurement.ConnectionInfo) element(`${direction}-uuid`).textContent = measurement.ConnectionInfo.UUID;
  if (!measurement.TCPInfo) return;
  minRtt = Math.min(minRtt, measurement.TCPInfo.MinRTT);
  // Two digits that say something, from loopback to a satellite.
  const digits = minRtt < 100 ? 3 : minRtt < 10000 ? 2 : 0;
  element('min-rtt').textContent = (minRtt / 1000).toFixed(digits);
}

// Opens the test and resolves when the server has closed it.
function run(direction, began, received) {
  return new Promise((resolve, reject) => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const query = 'client_name=trigpoint-page';
    const socket = new WebSocket(`${scheme}://${location.host}/ndt/v7/${direction}?${query}`, SUBPROTOCOL);
    socket.binaryType = 'arraybuffer';
    const limit = setTimeout(() => socket.close(), LONGEST_SECONDS * 1000);
    socket.onopen = () => began(socket);
    socket.onmessage = (message) => received(message.data);
    socket.onclose = (event) => {
      clearTimeout(limit);
      // The station's own end of a test. Not `wasClean`: that is false while
      // the browser holds unsent data, as it does at the end of any upload.
      if (event.code === NORMAL_CLOSURE) resolve();
      else reject(new Error(`the ${direction} was cut off (code ${event.code}); the station may be busy`));
    };
  });
}

async function download() {
  let start, bytes = 0, shown = 0, last;
  await run('download', () => { start = performance.now(); }, (data) => {
    if (typeof data === 'string') {
      bytes += data.length;
      last = JSON.parse(data);
      showServer('download', last);
    } else {
      bytes += data.byteLength;
    }
    const now = performance.now();
    if (now - shown > 100) {
      shown = now;
      showRate('download', megabits(bytes, (now - start) / 1000), (now - start) / 1000);
    }
  });
  const seconds = (performance.now() - start) / 1000;
  showRate('download', megabits(bytes, seconds), TEST_SECONDS);
  if (last && last.TCPInfo && last.TCPInfo.BytesSent > 0) {
    const share = last.TCPInfo.BytesRetrans / last.TCPInfo.BytesSent * 100;
    element('retransmitted').textContent = share.toFixed(share < 1 ? 2 : 1);
  }
}

async function upload() {
  let size = SMALLEST_MESSAGE, sent = 0, last;
  const noise = new Uint8Array(LARGEST_MESSAGE);
  // getRandomValues gives at most 64 KiB at once.
  for (let at = 0; at < noise.length; at += 65536) crypto.getRandomValues(noise.subarray(at, at + 65536));
  const fill = (socket) => {
    if (socket.readyState !== WebSocket.OPEN) return;
    while (socket.bufferedAmount < Math.min(SEND_AHEAD, 7 * size)) {
      socket.send(noise.subarray(0, size));
      sent += size;
      if (size < LARGEST_MESSAGE && size <= sent / 16) size *= 2;
    }
    setTimeout(fill, 0, socket);
  };
  await run('upload', fill, (data) => {
    if (typeof data !== 'string') return;
    const measurement = JSON.parse(data);
    showServer('upload', measurement);
    const tcp = measurement.TCPInfo;
    if (!tcp) return;
    last = tcp;
    // Only the station knows what arrived; what was sent may still wait here.
    showRate('upload', megabits(tcp.BytesReceived, tcp.ElapsedTime / 1e6), tcp.ElapsedTime / 1e6);
  });
  if (!last) throw new Error('the station sent no measurement of the upload');
  element('upload-progress').value = 1;
}

async function start() {
  const say = (state, text) => {
    document.body.dataset.state = state;
    element('status').textContent = text;
  };
  element('start').disabled = true;
  for (const id of ['download-rate', 'upload-rate', 'min-rtt', 'retransmitted']) element(id).textContent = '–';
  for (const id of ['download-progress', 'upload-progress']) element(id).value = 0;
  for (const id of ['download-uuid', 'upload-uuid']) element(id).textContent = '';
  element('identity').hidden = true;
  minRtt = Infinity;
  try {
    for (const [direction, test] of [['download', download], ['upload', upload]]) {
      say('running', `Measuring the ${direction} …`);
      element(direction).classList.add('running');
      await test();
      element(direction).classList.remove('running');
    }
    element('identity').hidden = false;
    say('done', 'Done. The figures and what the kernel knew every ten milliseconds are in the tables.');
  } catch (error) {
    say('failed', `The test failed: ${error.message}.`);
  }
  for (const direction of ['download', 'upload']) element(direction).classList.remove('running');
  element('start').textContent = 'Test again';
  element('start').disabled = false;
}

element('start').addEventListener('click', start);

// Drives a real Chromium against a station, as a person would:
//   node browser.cjs mlab HOST:PORT ws|wss     M-Lab's own browser client
//   node browser.cjs page HOST:PORT ws|wss PNG the station's own page, with a screenshot
// Prints one JSON object: {errors, rates: {download, upload}}, Mbit/s, and
//   mlab: server: {download: […], upload: […]}, the measurements it was sent
//   page: uuids: {download, upload}, the tests as the page names them
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');
const {chromium} = require('playwright-core');

const [mode, server, protocol, screenshot] = process.argv.slice(2);

const launch = () => chromium.launch({
  executablePath: '/usr/bin/chromium',
  // The background services would look for hosts that a test machine cannot reach.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--ignore-certificate-errors'],
});

// M-Lab's library and an empty page, from an origin that is not the station's.
async function mlabOrigin() {
  const library = path.join(path.dirname(require.resolve('@m-lab/ndt7/package.json')), 'src');
  const listener = http.createServer((request, response) => {
    if (request.url === '/') {
      response.setHeader('Content-Type', 'text/html');
      response.end('<!doctype html><title>ndt7</title><script src="/ndt7.js"></script>');
      return;
    }
    const file = path.join(library, path.basename(request.url));
    if (!fs.existsSync(file)) {
      response.statusCode = 404;
      response.end();
      return;
    }
    response.setHeader('Content-Type', 'text/javascript');
    response.end(fs.readFileSync(file));
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return listener;
}

async function mlab(page) {
  const listener = await mlabOrigin();
  await page.goto(`http://127.0.0.1:${listener.address().port}/`);
  const result = await page.evaluate(async ([server, protocol]) => {
    const seen = {errors: [], rates: {}, server: {download: [], upload: []}};
    const keep = (direction) => (measurement) => {
      if (measurement.Source === 'server') seen.server[direction].push(measurement.Data);
    };
    await globalThis.ndt7.test({
      server, protocol, userAcceptedDataPolicy: true,
      downloadworkerfile: '/ndt7-download-worker.js',
      uploadworkerfile: '/ndt7-upload-worker.js',
    }, {
      error: (error) => seen.errors.push(String(error)),
      downloadMeasurement: keep('download'),
      uploadMeasurement: keep('upload'),
      downloadComplete: (last) => {
        seen.rates.download = last.LastClientMeasurement.MeanClientMbps;
      },
      uploadComplete: (last) => {
        const tcp = last.LastServerMeasurement.TCPInfo;
        seen.rates.upload = tcp.BytesReceived / tcp.ElapsedTime * 8;
      },
    });
    return seen;
  }, [server, protocol]);
  listener.close();
  return result;
}

// The station's own page: press the button, wait for its last word, read what it shows.
async function ownPage(page) {
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(`${protocol === 'wss' ? 'https' : 'http'}://${server}/`);
  await page.click('#start');
  await page.waitForSelector('[data-state="done"], [data-state="failed"]', {timeout: 60000});
  const rate = async (id) => parseFloat(await page.textContent(id));
  const rates = {download: await rate('#download-rate'), upload: await rate('#upload-rate')};
  const uuids = {
    download: await page.textContent('#download-uuid'),
    upload: await page.textContent('#upload-uuid'),
  };
  if (await page.$('[data-state="failed"]')) errors.push(await page.textContent('#status'));
  if (screenshot) await page.screenshot({path: screenshot, fullPage: true});
  return {errors, rates, uuids};
}

(async () => {
  const browser = await launch();
  try {
    const page = await (await browser.newContext({ignoreHTTPSErrors: true})).newPage();
    const result = await (mode === 'mlab' ? mlab(page) : ownPage(page));
    console.log(JSON.stringify(result));
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

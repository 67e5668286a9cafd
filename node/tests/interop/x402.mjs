// Reads a page with an unmodified @x402/fetch: a scheme of our own buys the visa, everything else is the library's.
//
// Arguments: URL, agent's domain, its key (PKCS#8, PEM), its broker. Prints one JSON document.

import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from '@x402/fetch';

const [url, agent, pem, broker] = process.argv.slice(2);
const key = createPrivateKey(pem);
const spki = createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
const signed = (text) => sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
const fresh = () => randomBytes(16).toString('hex');

function claim() {
  const text = JSON.stringify({
    agent_id: agent,
    context: { ads_displayed: false },
    nonce: fresh(),
    purpose: 'RAG_RETRIEVAL',
    resource: url,
    ts: new Date().toISOString(),
    v: '1.1',
  });
  return { payload: Buffer.from(text).toString('base64'), signature: signed(text).toString('hex'), public_key: spki };
}

async function visaBuy(publisher, amount, currency) {
  const place = `${broker}/issue-visa`;
  const ask = { publisher, max_amount: { amount, currency }, ttl: 600 };
  const body = JSON.stringify(ask);
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const keyid = `did:web:${agent.replace(':', '%3A')}`;
  const created = Math.floor(Date.now() / 1000);
  const params = `("@method" "@target-uri" "content-digest");created=${created};keyid="${keyid}";nonce="${fresh()}"`;
  const lines = [
    '"@method": POST',
    `"@target-uri": ${place}`,
    `"content-digest": ${digest}`,
    `"@signature-params": ${params}`,
  ];
  const headers = {
    'content-type': 'application/json',
    'content-digest': digest,
    'signature-input': `sig1=${params}`,
    signature: `sig1=:${signed(lines.join('\n')).toString('base64')}:`,
  };
  const answer = await fetch(place, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).token;
}

// Millionths, as text: no number of JavaScript is in between.
function decimal(micros) {
  const digits = micros.padStart(7, '0');
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

let visas = 0;
const scheme = {
  scheme: 'batch-settlement',
  async createPaymentPayload(x402Version, requirements) {
    visas += 1;
    const visa = await visaBuy(requirements.payTo, decimal(requirements.amount), requirements.asset);
    return { x402Version, payload: { visa, claim: claim() } };
  },
};

const network = `imagxp:${createHash('sha256').update(broker).digest('hex').slice(0, 32)}`;
// The library's own limit counts in dollars of chains; what may be spent, the price below says.
const client = new x402Client().register(network, scheme).setSpendControls(false);
client.registerPolicy((version, ways) => ways.filter((way) => BigInt(way.amount) <= 100_000n));

// Who asks says so: at first by headers, and with the payment once more.
let asked = 0;
const claiming = (input, init) => {
  const request = new Request(input, init);
  asked += 1;
  if (!request.headers.has('payment-signature')) {
    const { payload, signature, public_key: publicKey } = claim();
    request.headers.set('x-imagxp-payload', payload);
    request.headers.set('x-imagxp-signature', signature);
    request.headers.set('x-imagxp-public-key', publicKey);
  } else {
    for (const name of ['x-imagxp-payload', 'x-imagxp-signature', 'x-imagxp-public-key']) request.headers.delete(name);
  }
  return fetch(request);
};

const paying = wrapFetchWithPayment(claiming, client);
const answer = await paying(url);
const response = answer.headers.get('payment-response');
const document = {
  status: answer.status,
  text: await answer.text(),
  response: response ? decodePaymentResponseHeader(response) : null,
  network,
  asked,
  visas,
};
process.stdout.write(`${JSON.stringify(document)}\n`);
process.exit(0);

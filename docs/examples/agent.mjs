// Reads a page as an agent that says who it is, and pays for it if it costs no more than allowed (docs/imagxp.md):
// `node agent.mjs URL AGENT KEY.pem BROKER MAX`. AGENT is a domain whose manifest names the key, with an account at
// BROKER (https://broker.example/broker); MAX is an amount (0.01).
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign as signature } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [url, agent, keyFile, broker, most] = process.argv.slice(2);
const key = createPrivateKey(readFileSync(keyFile));
const spki = createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
const sign = (text) => signature('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
const fresh = () => randomBytes(16).toString('hex');
const send = (place, headers = {}, more = {}) =>
  fetch(place, { redirect: 'manual', headers: { 'user-agent': `${agent} IMAGXP/1.1`, ...headers }, ...more });

function pageGet(more = {}) {
  // The names are in their order, as RFC 8785 wants them.
  const claim = JSON.stringify({
    agent_id: agent, context: { ads_displayed: false }, nonce: fresh(), purpose: 'RAG_RETRIEVAL', resource: url,
    ts: new Date().toISOString(), v: '1.1',
  });
  const headers = { 'x-imagxp-payload': Buffer.from(claim).toString('base64'), 'x-imagxp-public-key': spki };
  return send(url, { ...headers, 'x-imagxp-signature': sign(claim).toString('hex'), ...more });
}

async function visaBuy({ audience, price }, name) {
  const metadata = await (await send(`${broker}/.well-known/openid-configuration`)).json();
  const place = metadata.imagxp_visa_endpoint;
  const body = JSON.stringify({ publisher: audience, max_amount: price, ttl: 600 });
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const sent = { 'idempotency-key': name, 'content-digest': digest };
  const fields = Object.entries({ '@method': 'POST', '@target-uri': place, ...sent });
  const names = fields.map(([field]) => `"${field}"`).join(' ');
  const keyid = `did:web:${agent.replace(':', '%3A')}`;
  const params = `(${names});created=${Math.floor(Date.now() / 1000)};keyid="${keyid}";nonce="${fresh()}"`;
  const lines = [...fields.map(([field, value]) => `"${field}": ${value}`), `"@signature-params": ${params}`];
  const proof = sign(lines.join('\n')).toString('base64');
  const headers = { ...sent, 'signature-input': `sig1=${params}`, signature: `sig1=:${proof}:` };
  headers['content-type'] = 'application/json';
  const answer = await send(place, headers, { method: 'POST', body });
  if (!answer.ok) throw new Error(`${broker}: ${await answer.text()}`);
  return (await answer.json()).token;
}

let answer = await pageGet();
if (answer.status === 402) {
  const { payment } = await answer.json();
  if (!payment.brokers.includes(broker) || Number(payment.price.amount) > Number(most)) {
    throw new Error(`${url} costs ${payment.price.amount} ${payment.price.currency}: nothing was paid`);
  }
  const name = fresh();
  const paying = { 'x-imagxp-credential': await visaBuy(payment, name), 'idempotency-key': name };
  // The same visa and name again cost nothing more.
  for (let tries = 0; tries === 0 || (answer.status >= 500 && tries < 3); tries += 1) answer = await pageGet(paying);
}
process.stdout.write(Buffer.from(await answer.arrayBuffer()));
console.error(JSON.stringify({ status: answer.status, receipt: answer.headers.get('x-imagxp-receipt') }));
process.exitCode = answer.ok ? 0 : 1;

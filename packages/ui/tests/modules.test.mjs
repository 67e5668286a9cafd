// The parts of the browser modules that need no browser: `node --test packages/ui/tests/modules.test.mjs` (Node 20.19
// or newer: it has the same WebCrypto).

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';

import { fromBase64, toBase32, toBase58, toBase64, toHex, utf8 } from '../assets/bytes.js';
import { WORDS } from '../assets/bip39-english.js';
import { canonical } from '../assets/canonical.js';
import { contractDraft, contractSign, decimal } from '../assets/contract-draft.js';
import { heightsOf, monthsOf } from '../assets/earnings-chart.js';
import { decimalOf, micros, worksOf } from '../assets/earnings-sum.js';
import { deviceCode } from '../assets/device-code.js';
import { documentOf } from '../assets/document-file.js';
import { entryHash, entrySign, inception, successor } from '../assets/key-log.js';
import { didOf, keyFromSeed, keySign, multikey, seedFromPem, seedToPem } from '../assets/keys.js';
import { feesOf, feesTaken } from '../assets/fees-sum.js';
import { keyFileRead, recoveryGenerate, seedFromWords, seedToWords } from '../assets/recovery.js';

globalThis.location = /** @type {any} */ ({ origin: 'https://node.example' });
const { signedFetch } = await import('../assets/http-signature.js');
const { manifestSign } = await import('../assets/manifest.js');
const { challengeSign } = await import('../assets/session.js');
const { messageSign } = await import('../assets/signed-message.js');

const hex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
/** RFC 8032, section 7.1, TEST 2. */
const SEED = hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
const PUBLIC = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';

test('the code of a device is made of its key', async () => {
  assert.equal(await deviceCode(multikey(hex(PUBLIC))), 'PYVF-SRZS-LY28');
});

test('nothing but a challenge is signed as one', async () => {
  const { privateKey } = await keyFromSeed(SEED);
  const sign = (challenge) => challengeSign(privateKey, { challengeId: '', challenge, expiresAt: '' });
  assert.equal((await sign('0f'.repeat(32))).length, 128);
  const base = '"@method": POST\n"@target-uri": https://other.example/auth/api/devices';
  for (const bad of [base, '', '0F'.repeat(32), `${'0f'.repeat(32)}\n`, '0f'.repeat(33)]) {
    await assert.rejects(sign(bad), /no challenge/);
  }
});

test('a chosen file is what its name says, in UTF-8', () => {
  const read = (name, text = 'Bread rises.') => documentOf(name, utf8(text));
  assert.deepEqual(read('Bread.md'), { title: 'Bread', mediaType: 'text/markdown', text: 'Bread rises.' });
  assert.equal(read('a.b.HTML').title, 'a.b');
  assert.equal(read('a.htm').mediaType, 'text/html');
  assert.equal(read('notes.txt').mediaType, 'text/plain');
  assert.throws(() => read('book.pdf'), /imajin docs add/);
  assert.throws(() => read('README'), /neither/);
  assert.throws(() => documentOf('a.txt', hex('fffe41')), /UTF-8/);
  assert.throws(() => read('a.txt', 'x'.repeat(1_048_577)), /in parts/);
});

test('Base58 keeps leading zeros', () => {
  assert.equal(toBase58(utf8('Hello World!')), '2NEpo7TZRRrLZSi2U');
  assert.equal(toBase58(hex('0000287fb4cd')), '11233QC4');
  assert.equal(toBase58(hex('')), '');
});

test('Base32 is that of RFC 4648, in lower case', () => {
  const vectors = { '': '', f: 'my', fo: 'mzxq', foo: 'mzxw6', foob: 'mzxw6yq', foobar: 'mzxw6ytboi' };
  Object.entries(vectors).forEach(([plain, text]) => assert.equal(toBase32(utf8(plain)), text));
  assert.equal(toBase32(new Uint8Array(32).fill(255)), `${'7'.repeat(51)}q`);
});

test('Base64 of both alphabets', () => {
  assert.equal(toBase64(hex('fbff')), '+/8=');
  assert.deepEqual(fromBase64('-_8'), hex('fbff'));
});

test('a seed has the public key and the signature of RFC 8032', async () => {
  const { privateKey, publicKey } = await keyFromSeed(SEED);
  assert.equal(toHex(publicKey), PUBLIC);
  assert.equal(privateKey.extractable, false);
  assert.match(toHex(await keySign(privateKey, hex('72'))), /^92a009a9f0d4cab8720e820b5f642540/);
});

test('a DID is did:mjn and the multikey', () => {
  // The first key of the did:key method's own test vectors.
  const key = hex('2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6');
  assert.equal(didOf(key), 'did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK');
});

test('a PEM of either version gives the seed', () => {
  assert.deepEqual(seedFromPem(seedToPem(SEED)), SEED);
  const withPublic = Buffer.concat([
    hex('3051020101300506032b657004220420'), SEED, hex('812100'), hex(PUBLIC),
  ]).toString('base64');
  assert.deepEqual(seedFromPem(`-----BEGIN PRIVATE KEY-----\n${withPublic}\n-----END PRIVATE KEY-----\n`), SEED);
  assert.equal(seedFromPem('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'), null);
  assert.equal(seedFromPem('hello'), null);
});

test('recovery words come back as the seed, however they are typed', async () => {
  const words = await seedToWords(SEED);
  assert.equal(words.length, 24);
  assert.deepEqual(await seedFromWords(words.map((word) => word.slice(0, 4)).join(' ')), SEED);
  const numbered = words.map((word, index) => `${index + 1}. ${word.toUpperCase()}`);
  assert.deepEqual(await seedFromWords(numbered.join('\n')), SEED);
  assert.deepEqual(await seedFromWords(words.join('-')), SEED);
});

test('the words of the BIP-39 test vectors', async () => {
  assert.equal((await seedToWords(hex('00'.repeat(32)))).join(' '), `${'abandon '.repeat(23)}art`);
  assert.equal((await seedToWords(hex('ff'.repeat(32)))).join(' '), `${'zoo '.repeat(23)}vote`);
  const words = 'legal winner thank year wave sausage worth useful '.repeat(3).trim().split(' ');
  assert.deepEqual(await seedToWords(hex('7f'.repeat(32))), [...words.slice(0, 23), 'title']);
  assert.equal(new Set(WORDS.map((word) => word.slice(0, 4))).size, 2048);
});

test('mistyped words are noticed', async () => {
  const words = await seedToWords(SEED);
  await assert.rejects(seedFromWords(words.slice(1).join(' ')), /24 recovery words, and you typed 23/);
  await assert.rejects(seedFromWords(words.with(4, 'imajin').join(' ')), /Word 5, “imajin”/);
  await assert.rejects(seedFromWords([words[1], words[0], ...words.slice(2)].join(' ')), /do not fit together/);
  const swapped = words.with(7, words[7] === 'zoo' ? 'zone' : 'zoo');
  await assert.rejects(seedFromWords(swapped.join(' ')), /do not fit together/);
});

test('entries of a key log are chained, and signed over everything', async () => {
  const first = await keyFromSeed(SEED);
  const second = await keyFromSeed(hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'));
  const [one, other] = [multikey(first.publicKey), multikey(second.publicKey)];
  const signer = { multikey: one, privateKey: first.privateKey };
  const did = didOf(first.publicKey);
  const start = await entrySign(inception(did, one, { recovery: null, nextKeyHash: null }), [signer]);
  const next = await entrySign(await successor(start, { keys: [one, other] }), [signer]);
  assert.deepEqual([next.seq, next.prev, next.keys], [1, await entryHash(start), [one, other]]);
  assert.ok(next.at >= start.at);
  const { proof: [proof], ...content } = next;
  assert.equal(proof?.verificationMethod, `${did}#${one}`);
  const { proofValue: _value, ...options } = proof ?? {};
  const sha = (/** @type {unknown} */ value) => crypto.createHash('sha256').update(canonical(value)).digest();
  const publicKey = crypto.createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(first.publicKey).toString('base64url') }, format: 'jwk',
  });
  const message = Buffer.concat([sha(options), sha(content)]);
  // Deterministic (RFC 8032): the same key signs the same message in the same way.
  assert.equal(proof?.proofValue, `z${toBase58(await keySign(first.privateKey, new Uint8Array(message)))}`);
  const signed = await keySign(first.privateKey, new Uint8Array(message));
  assert.ok(crypto.verify(null, message, publicKey, signed));
});

test('files are told apart', async () => {
  const key = await recoveryGenerate();
  const file = { type: 'imajin-recovery-key', version: 1, did: 'did:mjn:z1', words: key.words.join(' ') };
  assert.deepEqual(await keyFileRead(JSON.stringify(file)), { kind: 'recovery', did: 'did:mjn:z1', seed: key.seed });
  const whole = { ...file, privateKey: seedToPem(key.seed) };
  assert.deepEqual((await keyFileRead(JSON.stringify(whole, null, 2))).seed, key.seed);
  assert.deepEqual(await keyFileRead(seedToPem(SEED)), { kind: 'key', seed: SEED });
  await assert.rejects(keyFileRead('{"type":"x"}'), /not a recovery file/);
  await assert.rejects(keyFileRead('{"type":'), /damaged/);
  await assert.rejects(keyFileRead('hello'), /no Ed25519 key/);
});

test('a request is signed over everything that it says', async () => {
  const { privateKey, publicKey } = await keyFromSeed(SEED);
  const did = didOf(publicKey);
  /** @type {Request[]} */
  const sent = [];
  globalThis.fetch = async (request) => {
    sent.push(/** @type {Request} */ (request));
    const stale = sent.length === 1;
    const headers = { date: new Date(Date.now() + 3_600_000).toUTCString() };
    const answer = stale ? { code: 'stale_signature' } : { id: 1 };
    return new Response(JSON.stringify(answer), { status: stale ? 401 : 200, headers });
  };
  const body = { eventId: 'evt_1', quantity: 2 };
  const request = /** @type {const} */ ({ method: 'POST', path: '/a?b=1', body, idempotencyKey: 'k-1' });
  const answer = await signedFetch({ did, privateKey }, request);
  assert.deepEqual(answer, { id: 1 });
  assert.equal(sent.length, 2);
  const created = [];
  for (const request of sent) {
    const input = request.headers.get('signature-input') ?? '';
    const form = /^sig1=(\(([^)]+)\);created=(\d+);keyid="([^"]+)";nonce="[0-9a-f]{32}";alg="ed25519")$/;
    const [, params = '', covered, time, keyid] = form.exec(input) ?? assert.fail(input);
    assert.equal(covered, '"@method" "@target-uri" "content-digest" "idempotency-key"');
    assert.equal(keyid, did);
    created.push(Number(time));
    const digest = crypto.createHash('sha256').update(JSON.stringify(body)).digest('base64');
    const base = `"@method": POST\n"@target-uri": https://node.example/a?b=1\n"content-digest": sha-256=:${digest}:\n` +
      `"idempotency-key": k-1\n"@signature-params": ${params}`;
    assert.equal(await request.text(), JSON.stringify(body));
    const signature = /^sig1=:(.+):$/.exec(request.headers.get('signature') ?? '')?.[1] ?? '';
    const x = Buffer.from(publicKey).toString('base64url');
    const key = crypto.createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
    assert.ok(crypto.verify(null, Buffer.from(base), key, Buffer.from(signature, 'base64')));
  }
  assert.ok(Math.abs((created[1] ?? 0) - (created[0] ?? 0) - 3600) <= 2, 'the second try uses the node’s clock');
});

test('The canonical form is the one of RFC 8785', () => {
  const value = { '\u20ac': 1, '\r': [true, null, 4.5], '1': { b: 'x"\\\n\u000f', a: undefined, '\u00f6': 1e21 } };
  assert.equal(canonical(value), '{"\\r":[true,null,4.5],"1":{"b":"x\\"\\\\\\n\\u000f","ö":1e+21},"€":1}');
});

test('A signed message is signed over everything but its signature', async () => {
  const { privateKey, publicKey } = await keyFromSeed(SEED);
  const did = didOf(publicKey);
  const identity = { did, privateKey };
  const { signature, ...rest } = await messageSign(identity, 'login', 'did:web:b.example', { nonce: 'n' }, 7);
  const key = await crypto.webcrypto.subtle.importKey('raw', hex(PUBLIC), 'Ed25519', false, ['verify']);
  const text = `{"from":"${did}","payload":{"nonce":"n"},"timestamp":7,"to":"did:web:b.example","type":"login"}`;
  assert.equal(canonical(rest), text);
  assert.ok(await crypto.webcrypto.subtle.verify('Ed25519', key, hex(signature), utf8(text)));
});

test('a distribution contract is written as the node reads it, and signed over all but the value', async () => {
  assert.deepEqual(['1', '01,5', '12.3400', '0.000001'].map(decimal), ['1.00', '1.50', '12.34', '0.000001']);
  assert.throws(() => decimal('-1'));
  const { privateKey, publicKey } = await keyFromSeed(SEED);
  const did = didOf(publicKey);
  const fields = {
    parts: [
      { label: ' me ', recipient: did, percentage: '87,5' },
      { label: 'b', recipient: 'did:web:b.example', percentage: '12.5' },
    ],
    overflow: '', minimum: '1', currency: 'TEST-USD', isPublic: true,
  };
  const now = Date.parse('2026-11-21T10:00:00Z');
  const draft = contractDraft(did, 2, fields, now);
  assert.equal(draft.effective_at, '2026-11-21T10:01:00.000Z');
  assert.deepEqual(draft.allocations.map(({ percentage }) => percentage), [87.5, 12.5]);
  assert.equal(draft.minimum_transaction, '1.00');
  const later = contractDraft(did, 2, { ...fields, effective: now + 3_600_000 }, now);
  assert.equal(later.effective_at, '2026-11-21T11:00:00.000Z');
  const signed = await contractSign({ did, privateKey }, draft, now);
  const { value, ...signature } = signed.signature;
  const key = await crypto.webcrypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  const bytes = utf8(canonical({ ...draft, signature }));
  assert.equal(await crypto.webcrypto.subtle.verify('Ed25519', key, hex(value), bytes), true);
  const parts = [{ label: 'x', recipient: did, percentage: '' }];
  assert.throws(() => contractDraft(did, 2, { ...fields, parts }, now));
});

test('earnings are added without losing a millionth', () => {
  assert.equal(decimalOf(micros('9007199254.740993') + micros('0.000001')), '9007199254.740994');
  assert.deepEqual([micros('1'), micros('0.5')], [1_000_000n, 500_000n]);
  assert.deepEqual([decimalOf(0n), decimalOf(12_340_000n)], ['0.00', '12.34']);
  const song = { title: 'Song', currency: 'TEST-USD', role: 'artist', through: '', state: 'paid' };
  const works = worksOf([
    { ...song, amount: '0.333333' },
    { ...song, amount: '0.333334' },
    { ...song, through: 'did:mjn:a', state: 'accrued', amount: '1.00' },
    { ...song, currency: 'TEST-EUR', amount: '2.00' },
  ]);
  assert.deepEqual(works.map(({ currency, total, ways }) => [currency, decimalOf(total), ways.length]),
    [['TEST-USD', '1.666667', 2], ['TEST-EUR', '2.00', 1]]);
});

test('a manifest has the id of its content and the signature of its author', async () => {
  const { privateKey, publicKey } = await keyFromSeed(SEED);
  const did = didOf(publicKey);
  const wish = { title: 'Strings', kind: 'article', bytes: utf8('hello'), mediaType: 'text/markdown' };
  const manifest = await manifestSign({ did, privateKey }, { ...wish, price: '0.50', currency: 'USD' });
  assert.equal(manifest.content.sha256, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
  assert.deepEqual(manifest.terms, { read: { price: '0.50', currency: 'USD' } });
  const { id, signature, ...draft } = manifest;
  const digest = crypto.createHash('sha256').update(canonical(draft)).digest();
  assert.equal(id, `fair_${toBase32(new Uint8Array(digest))}`);
  const { value, ...claims } = signature;
  const signed = utf8(canonical({ ...draft, id, signature: claims }));
  const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  assert.ok(await crypto.subtle.verify('Ed25519', key, hex(value), signed));
  const free = await manifestSign({ did, privateKey }, wish);
  assert.deepEqual([free.terms, free.derives_from], [{}, []]);
});

test('bytes are signed and sent as they are', async () => {
  const { privateKey, publicKey } = await keyFromSeed(SEED);
  let sent;
  const fetched = globalThis.fetch;
  globalThis.fetch = async (request) => {
    sent = request;
    return new Response('{}', { status: 200 });
  };
  const body = Uint8Array.of(0, 255, 1);
  await signedFetch({ did: didOf(publicKey), privateKey }, { method: 'PUT', path: '/x?offset=0', body });
  globalThis.fetch = fetched;
  assert.equal(sent.headers.get('content-type'), 'application/octet-stream');
  const digest = crypto.createHash('sha256').update(body).digest('base64');
  assert.equal(sent.headers.get('content-digest'), `sha-256=:${digest}:`);
  assert.deepEqual(new Uint8Array(await sent.arrayBuffer()), body);
});

test('what came in is summed month by month, by currency', () => {
  const part = (time, amount, currency = 'USD') => ({ time, amount, currency });
  const now = Date.UTC(2026, 1, 15);
  const [usd, eur] = monthsOf([
    part('2026-02-01T00:00:00Z', '1.50'), part('2026-02-28T00:00:00Z', '0.25'), part('2025-03-31T23:59:59Z', '2'),
    part('2025-02-28T00:00:00Z', '9'), part('2026-01-05T00:00:00Z', '3', 'EUR'),
  ], now);
  assert.equal(usd.bars.length, 12);
  assert.deepEqual([usd.bars[0].month, usd.bars[11].month], ['2025-03', '2026-02']);
  assert.deepEqual([usd.bars[0].total, usd.bars[11].total], [2_000_000n, 1_750_000n]);
  assert.deepEqual(eur.bars.filter(({ total }) => total > 0n).map(({ month }) => month), ['2026-01']);
  assert.deepEqual(heightsOf(usd.bars).filter((height) => height > 0), [140, 122]);
  assert.deepEqual(heightsOf([{ month: '2026-01', total: 0n }]), [0]);
});

test('fees are read and reckoned in whole millionths', () => {
  const fees = feesOf(['protocol', '', 'node'], ['protocol', 'node', 'node'], ['1', '7', '0.5']);
  assert.deepEqual(fees.map(({ name, rateMicros }) => [name, rateMicros]), [['protocol', 10_000], ['node', 5_000]]);
  assert.equal(feesTaken('100.00', fees), 'Of 100.00: protocol 1.00, node 0.50. 98.50 is split.');
  assert.equal(feesTaken('0.000001', fees), 'Of 0.000001: protocol 0.00, node 0.00. 0.000001 is split.');
  assert.equal(feesTaken('5', []), 'Of 5.00: No fees. 5.00 is split.');
  assert.throws(() => feesOf(['node'], ['node'], ['0,5']), /with a point/);
  assert.throws(() => feesTaken('ten', fees), /with a point/);
});

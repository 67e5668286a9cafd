// Makes mjn.json: a request, its answer and a streamed answer, signed in JavaScript and with the Ed25519 of Node.js, so
// that nothing of ours takes part. Run: node mjn.mjs > mjn.json

import { createHash, createPrivateKey, sign } from "node:crypto";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const ASKER = {
  seed: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
  did: "did:mjn:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7",
};
const LEADER = {
  seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  did: "did:mjn:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw",
};
const CREATED = 1772323200;
const URL = "https://node.example/connections/api/query";
const RECEIPT = "rcp_01kjk2xj000w3ge1r70w3ge1r7";

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

function ed25519(who, text) {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(who.seed, "hex")]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return sign(null, Buffer.from(text, "utf8"), key);
}

const base64 = (text) => Buffer.from(text, "utf8").toString("base64");
const sha256 = (text, encoding) => createHash("sha256").update(text, "utf8").digest(encoding);
const contentDigest = (text) => `sha-256=:${sha256(text, "base64")}:`;
const document = (who, body) => ({ ...body, signature: ed25519(who, canonical(body)).toString("hex") });

// RFC 9421, section 2.5: one line for each component, then the parameters.
function signed(who, lines, nonce) {
  const covered = lines.map(([identifier]) => identifier).join(" ");
  const unique = nonce ? `;nonce="${nonce}"` : "";
  const params = `(${covered});created=${CREATED};keyid="${who.did}"${unique};alg="ed25519";tag="mjn"`;
  const base = [...lines, ['"@signature-params"', params]].map(([name, value]) => `${name}: ${value}`).join("\n");
  const signature = ed25519(who, base).toString("base64");
  return {
    base,
    headers: {
      "Signature-Input": `mjn=${params}`,
      Signature: `mjn=:${signature}:`,
      "X-MJN-Signature": signature,
    },
  };
}

function cover(headers) {
  return Object.entries(headers).map(([name, value]) => [`"${name.toLowerCase()}"`, value]);
}

const body = '{"query":"What is a hold?"}';
const consent = document(ASKER, {
  version: "1.0", consumer: ASKER.did, content: LEADER.did, intendedUse: "query",
  scope: sha256("What is a hold?", "hex"), timestamp: "2026-03-01T00:00:00Z", nonce: "consent-0001",
});
const settlement = { max_amount: "0.05", currency: "TEST-USD", means: "balance" };
const asked = {
  "Content-Digest": contentDigest(body),
  "X-MJN-DID": ASKER.did,
  "X-MJN-Consent": base64(canonical(consent)),
  "X-MJN-Settlement": base64(canonical(settlement)),
  "X-MJN-Timestamp": "2026-03-01T00:00:00Z",
  "Idempotency-Key": "ask-7",
};
const request = signed(ASKER, [['"@method"', "POST"], ['"@target-uri"', URL], ...cover(asked)], "request-0001");
const bound = ['"signature";req;key="mjn"', `:${request.headers["X-MJN-Signature"]}:`];

const answerBody = '{"answer":"Money that waits."}';
const answered = {
  "Content-Digest": contentDigest(answerBody),
  "X-MJN-DID": LEADER.did,
  "X-MJN-Fair": "fair_example01",
  "X-MJN-Receipt": RECEIPT,
};
const answer = signed(LEADER, [['"@status"', "200"], ...cover(answered), bound]);

const streamed = { "X-MJN-DID": LEADER.did, "X-MJN-Receipt": RECEIPT };
const head = signed(LEADER, [['"@status"', "200"], ...cover(streamed), bound]);
const data = "data: Money that\n\ndata: waits.\n\n";
const end = document(LEADER, {
  from: LEADER.did, type: "answer", timestamp: CREATED * 1000,
  payload: {
    request: request.headers["X-MJN-Signature"], status: 200, length: Buffer.byteLength(data), outcome: "complete",
    sha256: sha256(data, "hex"),
    receipt: document(LEADER, {
      from: LEADER.did, type: "receipt", timestamp: CREATED * 1000, payload: { id: RECEIPT },
    }),
  },
});

console.log(JSON.stringify({
  asker: ASKER,
  leader: LEADER,
  request: { method: "POST", url: URL, headers: { ...asked, ...request.headers }, body, base: request.base },
  answer: { status: 200, headers: { ...answered, ...answer.headers }, body: answerBody, base: answer.base },
  stream: {
    status: 200, headers: { ...streamed, ...head.headers }, base: head.base, data,
    body: `${data}event: mjn\ndata: ${canonical(end)}\n\n`,
  },
}, null, 2));

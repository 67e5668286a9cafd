"""Reads a page as an agent that says who it is, and pays for it if it costs no more than allowed (docs/imagxp.md):
`python3 agent.py URL AGENT KEY.pem BROKER MAX`. AGENT is a domain whose manifest names the key, with an account at
BROKER (https://broker.example/broker); MAX is an amount (0.01). Needs the package `cryptography`."""
import base64, hashlib, json, secrets, sys, time, urllib.error, urllib.request
from datetime import datetime, timezone
from decimal import Decimal
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

url, agent, key_file, broker, most = sys.argv[1:6]
key = load_pem_private_key(open(key_file, "rb").read(), None)
text64 = lambda data: base64.b64encode(data).decode()
spki = text64(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

def sign(data):
    return b"".join(part.to_bytes(32, "big") for part in utils.decode_dss_signature(key.sign(data, ec.ECDSA(SHA256()))))

def send(url, headers={}, body=None):
    request = urllib.request.Request(url, body, {"user-agent": f"{agent} IMAGXP/1.1", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()

def page_get(more={}):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    claim = {"v": "1.1", "ts": now, "nonce": secrets.token_hex(16), "agent_id": agent, "resource": url,
             "purpose": "RAG_RETRIEVAL", "context": {"ads_displayed": False}}
    data = json.dumps(claim, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return send(url, {"x-imagxp-payload": text64(data), "x-imagxp-signature": sign(data).hex(),
                      "x-imagxp-public-key": spki, **more})

def visa_buy(payment, name):
    place = json.loads(send(f"{broker}/.well-known/openid-configuration")[2])["imagxp_visa_endpoint"]
    body = json.dumps({"publisher": payment["audience"], "max_amount": payment["price"], "ttl": 600}).encode()
    fields = {"@method": "POST", "@target-uri": place, "idempotency-key": name,
              "content-digest": f"sha-256=:{text64(hashlib.sha256(body).digest())}:"}
    did = "did:web:" + agent.replace(":", "%3A")
    names, nonce = " ".join(f'"{field}"' for field in fields), secrets.token_hex(16)
    params = f'({names});created={int(time.time())};keyid="{did}";nonce="{nonce}"'
    signed = "".join(f'"{field}": {value}\n' for field, value in fields.items()) + f'"@signature-params": {params}'
    sent = {field: value for field, value in fields.items() if not field.startswith("@")}
    status, _, said = send(place, {"content-type": "application/json", "signature-input": f"sig1={params}",
                                   "signature": f"sig1=:{text64(sign(signed.encode()))}:", **sent}, body)
    return json.loads(said)["token"] if status < 300 else sys.exit(f"{broker}: {said.decode()}")

status, headers, page = page_get()
if status == 402:
    payment, name = json.loads(page)["payment"], secrets.token_hex(16)
    if broker not in payment["brokers"] or Decimal(payment["price"]["amount"]) > Decimal(most):
        sys.exit(f"{url} costs {payment['price']['amount']} {payment['price']['currency']}: nothing was paid")
    paying = {"x-imagxp-credential": visa_buy(payment, name), "idempotency-key": name}
    status, tries = 500, 0
    while status >= 500 and (tries := tries + 1) <= 3:  # The same visa and name again cost nothing more.
        status, headers, page = page_get(paying)
sys.stdout.buffer.write(page)
print(json.dumps({"status": status, "receipt": headers.get("x-imagxp-receipt")}), file=sys.stderr)
sys.exit(0 if status < 300 else 1)

// Signs in at a node as an application does, with unmodified libraries: openid-client and jose.
//
// Arguments: issuer, client id, client secret or "", how the client proves itself, algorithm of its ID tokens.
// Prints one JSON document per line; reads one line: the address that the browser was sent back to.

import { createInterface } from 'node:readline';

import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';

const [issuer, clientId, secret, method, algorithm, rootKeys] = process.argv.slice(2);
const redirectUri = 'http://127.0.0.1:9/callback';
const say = (document) => process.stdout.write(`${JSON.stringify(document)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const proof = {
  client_secret_basic: () => oidc.ClientSecretBasic(secret),
  client_secret_post: () => oidc.ClientSecretPost(secret),
  none: () => oidc.None(),
}[method]();
const config = await oidc.discovery(
  new URL(issuer),
  clientId,
  { id_token_signed_response_alg: algorithm, redirect_uris: [redirectUri] },
  proof,
  { execute: [oidc.allowInsecureRequests] },
);
const bySpecification = await oidc.discovery(new URL(issuer), clientId, undefined, proof, {
  execute: [oidc.allowInsecureRequests],
  algorithm: 'oauth2',
});

const verifier = oidc.randomPKCECodeVerifier();
const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
const url = oidc.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope: 'openid profile handle offline_access',
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
  max_age: '3600',
});
say({ authorize: url.href, sameIssuer: bySpecification.serverMetadata().issuer === config.serverMetadata().issuer });

const back = (await lines.next()).value;
const tokens = await oidc.authorizationCodeGrant(config, new URL(back), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  maxAge: 3600,
  idTokenExpected: true,
});
const claims = tokens.claims();

// jose alone, with the key set of the issuer and with the union at the root.
const checked = [];
for (const address of [config.serverMetadata().jwks_uri, rootKeys]) {
  const keys = createRemoteJWKSet(new URL(address));
  const { payload, protectedHeader } = await jwtVerify(tokens.id_token, keys, { issuer, audience: clientId });
  checked.push({ sub: payload.sub, alg: protectedHeader.alg });
}

const told = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
const again = await oidc.refreshTokenGrant(config, tokens.refresh_token).then(
  () => 'accepted',
  (error) => error.error,
);
// The reuse of the first refresh token has ended the second one as well.
const family = await oidc.refreshTokenGrant(config, refreshed.refresh_token).then(
  () => 'accepted',
  (error) => error.error,
);
const inspected = await oidc.tokenIntrospection(config, refreshed.access_token);
await oidc.tokenRevocation(config, refreshed.access_token);
const reused = await oidc
  .authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
  })
  .then(
    () => 'accepted',
    (error) => error.error,
  );
const logout = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token });
say({
  claims,
  checked,
  told,
  refreshedSub: refreshed.claims().sub,
  again,
  family,
  active: inspected.active,
  reused,
  logout: logout.href,
});
process.exit(0);

// An OpenID Connect provider that says whatever the authorization code tells it to.
//
//   node liar.js PORT
//
// A code is base64url of {"claims": {…}, "alg": "RS256", "key": "published" | "other" | "secret" | "none", "secret": "…"}.

import { createServer } from 'node:http';
import { SignJWT, UnsecuredJWT, exportJWK, generateKeyPair } from 'jose';

const [port] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const kid = 'published';
const published = await generateKeyPair('RS256');
const other = await generateKeyPair('RS256');
const jwk = { ...(await exportJWK(published.publicKey)), kid, use: 'sig', alg: 'RS256' };

const configuration = {
  issuer,
  authorization_endpoint: `${issuer}/auth`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
};

async function token(code) {
  const { claims, key, secret } = JSON.parse(Buffer.from(code, 'base64url').toString());
  const id_token = key === 'none' ? new UnsecuredJWT(claims).encode() : await sign(claims, key, secret);
  return { access_token: 'unused', token_type: 'Bearer', id_token };
}

function sign(claims, key, secret) {
  const jwt = new SignJWT(claims);
  if (key === 'secret') return jwt.setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
  return jwt.setProtectedHeader({ alg: 'RS256', kid }).sign((key === 'other' ? other : published).privateKey);
}

async function answer(request) {
  const { pathname } = new URL(request.url, issuer);
  if (pathname === '/.well-known/openid-configuration') return configuration;
  if (pathname === '/jwks') return { keys: [jwk] };
  let body = '';
  for await (const chunk of request) body += chunk;
  return token(new URLSearchParams(body).get('code'));
}

createServer(async (request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(await answer(request)));
}).listen(Number(port), '127.0.0.1', () => console.log(`${issuer} is ready`));

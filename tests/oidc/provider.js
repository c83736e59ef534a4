// A real OpenID Connect provider, and a person with a browser in front of it.
//
//   node provider.js PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
//
// GET /walk?url=…&sub=…&email=…&email_verified=…&name=…   signs in with these claims, starting at the authorization URI `url`, and
//                                                      answers with the URI that the browser is sent back to.

import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port, client_id, client_secret, redirect_uri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = new Map();

const provider = new Provider(issuer, {
  clients: [{ client_id, client_secret, redirect_uris: [redirect_uri], grant_types: ['authorization_code'] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  // The claims stand in the ID token.
  conformIdTokenClaims: false,
  pkce: { required: () => true, methods: ['S256'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => people.get(sub) }),
  cookies: { keys: ['a key for tests'] },
});

// Signs in whom the authorization request hints at, and consents to everything.
async function interact(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: params.login_hint, clientId: params.client_id });
  grant.addOIDCScope('openid email profile');
  const result = { login: { accountId: params.login_hint }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

// Follows redirects with cookies, as a browser does, until one leads away.
async function walk(query) {
  const { url, ...claims } = Object.fromEntries(query);
  people.set(claims.sub, { ...claims, email_verified: claims.email_verified === 'true' });
  const jar = new Map();
  let next = new URL(url);
  next.searchParams.set('login_hint', claims.sub);
  for (let steps = 0; steps < 10 && next.origin === issuer; steps += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      jar.set(name, value);
    }
    if (!answer.headers.has('location')) throw new Error(`${next}: ${answer.status} ${await answer.text()}`);
    next = new URL(answer.headers.get('location'), next);
  }
  return next.href;
}

const serve = provider.callback();
createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  try {
    if (url.pathname === '/walk') response.end(await walk(url.searchParams));
    else if (url.pathname.startsWith('/interaction/')) await interact(request, response);
    else await serve(request, response);
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error.stack));
  }
}).listen(Number(port), '127.0.0.1', () => console.log(`${issuer} is ready`));

/** Tokens: from the local stack, or by OpenID Connect (authorization code flow with PKCE). */
import { CoworkingError } from "../sdk/errors.js";

/** What stays after a reload of the page. */
function open(/** @type {Storage} */ storage) {
  const kept = /** @type {Record<string, any>} */ (JSON.parse(storage.getItem("sign-in") ?? "{}"));
  return { kept, keep: (/** @type {object} */ change) => storage.setItem("sign-in", JSON.stringify(Object.assign(kept, change))) };
}

const expired = () => new CoworkingError({ code: "unauthorized", status: 401 });
const random = () => crypto.randomUUID() + crypto.randomUUID();

/** @returns {SignIn} */
function createLocal() {
  const { kept, keep } = open(localStorage);

  async function renew() {
    const { sub, name } = kept;
    const answer = await fetch("/dev/token", { method: "POST", body: JSON.stringify({ sub, name }) });
    if (!answer.ok) throw expired();
    const { token, expires_at } = await answer.json();
    keep({ token, until: Date.parse(expires_at) - 60_000 });
    return token;
  }

  return {
    isLocal: true,
    ready: async () => !!kept.name,
    token: async ({ fresh }) => (!fresh && Date.now() < kept.until ? kept.token : renew()),
    async start(who) {
      keep({ sub: kept.sub ?? crypto.randomUUID(), ...who });
      await renew();
    },
  };
}

/** `onEnding` is called if the sign-in ends soon and only the user can renew it. @returns {SignIn} */
function createOpenId(/** @type {SignInSettings} */ settings, /** @type {() => void} */ onEnding) {
  const { kept, keep } = open(sessionStorage);
  const here = location.origin + location.pathname;
  /** It is only in memory: a reload forgets it. @type {string | undefined} */
  let refreshToken;
  /** @type {Promise<void> | undefined} */
  let refreshing;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** Get a token from the provider, and keep it. */
  async function fetchToken(/** @type {Record<string, string>} */ fields) {
    const answer = await fetch(settings.tokenEndpoint, { method: "POST", body: new URLSearchParams({ ...fields, client_id: settings.clientId }) });
    if (answer.status >= 500) throw new Error(answer.statusText);
    const issued = answer.ok ? await answer.json() : {};
    const token = issued[settings.token ?? "access_token"];
    refreshToken = issued.refresh_token ?? (token && refreshToken);
    if (!token) throw expired();
    const [now, seconds] = [Date.now(), issued.expires_in ?? 3600];
    keep({ state: null, verifier: null, token, until: now + seconds * 750, ends: now + seconds * 1000 });
    watch();
  }

  /** Renew the token. Calls at the same time share one request: a provider may take a refresh token once. */
  function refresh() {
    const renewed = refreshToken ? (refreshing ??= fetchToken({ grant_type: "refresh_token", refresh_token: refreshToken })) : Promise.reject(expired());
    return renewed.finally(() => (refreshing = undefined));
  }

  /** Renew the token after three quarters of its lifetime. */
  function watch(wait = kept.until - Date.now()) {
    clearTimeout(timer);
    timer = setTimeout(() => refresh().catch(({ code }) => (code ? kept.token && onEnding() : watch(30_000))), Math.min(wait, 2 ** 31 - 1));
  }

  return {
    isLocal: false,

    /** Whether there is a token. If the provider has just sent the user back, fetch it first. */
    async ready() {
      const { state, code, error, error_description: reason } = Object.fromEntries(new URLSearchParams(location.search));
      const isOurs = state && state === kept.state;
      if (state) history.replaceState(null, "", here + (isOurs ? kept.hash : location.hash));
      if (isOurs && code) await fetchToken({ grant_type: "authorization_code", code, code_verifier: kept.verifier, redirect_uri: here });
      else if (state && (isOurs || !kept.token)) throw new Error(`${error}: ${reason}`);
      else if (kept.token) watch();
      return !!kept.token;
    },

    async token({ fresh }) {
      if (fresh || !(Date.now() < kept.until))
        await refresh().catch((error) => {
          if (!fresh && Date.now() < kept.ends) return;
          if (error.code) keep({ token: null });
          throw error;
        });
      return kept.token;
    },

    async start() {
      const [state, verifier] = [random(), random()];
      keep({ state, verifier, hash: location.hash });
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
      const query = {
        response_type: "code", client_id: settings.clientId, redirect_uri: here, scope: settings.scope ?? "openid profile", state,
        code_challenge: btoa(String.fromCharCode(...new Uint8Array(digest))).replace(/[+/=]/g, (char) => ({ "+": "-", "/": "_" })[char] ?? ""),
        code_challenge_method: "S256", ...settings.parameters,
      };
      location.assign(`${settings.authorizationEndpoint}?${new URLSearchParams(query)}`);
    },
  };
}

export const createSignIn = (/** @type {SignInSettings} */ settings, /** @type {() => void} */ onEnding) =>
  settings.kind === "local" ? createLocal() : createOpenId(settings, onEnding);

/** Tokens: from the local stack, or by OpenID Connect (authorization code flow with PKCE). */
import { CoworkingError } from "../sdk/errors.js";

class SignIn {
  constructor(/** @type {SignInSettings} */ settings, /** @type {Storage} */ storage) {
    this.settings = settings;
    this.storage = storage;
    this.local = settings.kind === "local";
    /** @type {Record<string, any>} */
    this.kept = JSON.parse(storage.getItem("sign-in") ?? "{}");
  }

  keep(/** @type {object} */ change) {
    this.storage.setItem("sign-in", JSON.stringify(Object.assign(this.kept, change)));
  }

  async token({ fresh = false }) {
    const { token, until } = this.kept;
    return !fresh && Date.now() < until ? token : this.renew();
  }

  /** @returns {Promise<string>} */
  async renew() {
    this.keep({ token: null });
    throw new CoworkingError({ code: "unauthorized", status: 401 });
  }
}

class LocalSignIn extends SignIn {
  async ready() {
    return Boolean(this.kept.name);
  }

  async start(/** @type {{name?: string}} */ who) {
    this.keep({ sub: this.kept.sub ?? crypto.randomUUID(), ...who });
    await this.renew();
  }

  async renew() {
    const { sub, name } = this.kept;
    const answer = await fetch("/dev/token", { method: "POST", body: JSON.stringify({ sub, name }) });
    if (!answer.ok) return super.renew();
    const { token, expires_at } = await answer.json();
    this.keep({ token, until: Date.parse(expires_at) - 60_000 });
    return token;
  }
}

class OpenIdSignIn extends SignIn {
  here = location.origin + location.pathname;

  /** Whether there is a token. If the provider has just sent the user back, fetch it first. */
  async ready() {
    const { state, code, error, error_description: reason } = Object.fromEntries(new URLSearchParams(location.search));
    const { kept, here: redirect_uri } = this;
    const isOurs = state && state === kept.state;
    if (state) history.replaceState(null, "", redirect_uri + (isOurs ? kept.hash : location.hash));
    if (isOurs && code) await this.fetchToken({ grant_type: "authorization_code", code, code_verifier: kept.verifier, redirect_uri });
    else if (state && (isOurs || !kept.token)) throw new Error(`${error}: ${reason}`);
    return Boolean(kept.token);
  }

  /** Get a token from the provider, and keep it. */
  async fetchToken(/** @type {Record<string, string>} */ fields) {
    const { settings } = this;
    const answer = await fetch(settings.tokenEndpoint, { method: "POST", body: new URLSearchParams({ ...fields, client_id: settings.clientId }) });
    const issued = await answer.json();
    const token = issued[settings.token ?? "access_token"];
    this.keep({ state: null, verifier: null, token, until: Date.now() + (issued.expires_in ?? 3600) * 1000 });
  }

  async start() {
    const { settings, here: redirect_uri } = this;
    const [state, verifier] = [random(), random()];
    this.keep({ state, verifier, hash: location.hash });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const query = {
      response_type: "code", client_id: settings.clientId, redirect_uri, scope: settings.scope ?? "openid profile", state,
      code_challenge: btoa(String.fromCharCode(...new Uint8Array(digest))).replace(/[+/=]/g, (char) => ({ "+": "-", "/": "_" })[char] ?? ""), code_challenge_method: "S256", ...settings.parameters,
    };
    location.assign(`${settings.authorizationEndpoint}?${new URLSearchParams(query)}`);
  }
}

const random = () => crypto.randomUUID() + crypto.randomUUID();

export const signIn = (/** @type {SignInSettings} */ settings) =>
  settings.kind === "local" ? new LocalSignIn(settings, localStorage) : new OpenIdSignIn(settings, sessionStorage);

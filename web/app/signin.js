/** Tokens: locally for the asking, else by OpenID Connect's authorization code flow with PKCE. */
import { CoworkingError } from "../sdk/errors.js";

/** @typedef {{kind: "local" | "oidc", authorizationEndpoint: string, tokenEndpoint: string, clientId: string,
 *   scope?: string, token?: string, parameters?: Record<string, string>}} Settings */
/** @typedef {{name: string, avatar: string | null}} Who */

class SignIn {
  /** @param {Settings} settings @param {Storage} storage */
  constructor(settings, storage) {
    this.settings = settings;
    this.storage = storage;
    this.local = settings.kind === "local";
    /** @type {Record<string, any>} */
    this.kept = JSON.parse(storage.getItem("sign-in") ?? "{}");
  }

  /** @param {Record<string, unknown>} change */
  keep(change) {
    this.storage.setItem("sign-in", JSON.stringify(Object.assign(this.kept, change)));
  }

  /** @param {{fresh?: boolean}} options @returns {Promise<string>} */
  async token({ fresh }) {
    const { token, until } = this.kept;
    return !fresh && Date.now() < until ? token : this.renew();
  }

  /** @returns {Promise<string>} */
  async renew() {
    this.keep({ token: null });
    throw new CoworkingError({ code: "unauthorized" });
  }
}

class LocalSignIn extends SignIn {
  async ready() {
    return Boolean(this.kept.name);
  }

  /** @param {Partial<Who>} who */
  async start(who) {
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

  /** Whether there is a token; with that the provider has just sent us back for. */
  async ready() {
    const { state, code, error_description: trouble } = Object.fromEntries(new URLSearchParams(location.search));
    if (!state) return Boolean(this.kept.token);
    history.replaceState(null, "", this.here + (this.kept.hash ?? ""));
    if (state !== this.kept.state || !code) throw new Error(trouble ?? "Nobody was signed in.");
    const { tokenEndpoint, clientId, token = "access_token" } = this.settings;
    const body = new URLSearchParams({
      grant_type: "authorization_code", code, code_verifier: this.kept.verifier, redirect_uri: this.here, client_id: clientId,
    });
    const answer = await fetch(tokenEndpoint, { method: "POST", body });
    const issued = await answer.json();
    this.keep({ state: null, verifier: null, token: issued[token], until: Date.now() + (issued.expires_in ?? 3600) * 1000 });
    return answer.ok;
  }

  async start() {
    const [state, verifier] = [random(), random()];
    this.keep({ state, verifier, hash: location.hash });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const { authorizationEndpoint, clientId, scope = "openid profile", parameters } = this.settings;
    location.assign(`${authorizationEndpoint}?${new URLSearchParams({
      response_type: "code", client_id: clientId, redirect_uri: this.here, scope, state,
      code_challenge: base64url(digest), code_challenge_method: "S256", ...parameters,
    })}`);
  }
}

/** @param {ArrayBuffer} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)).buffer);

/** @param {Settings} settings */
export const signIn = (settings) =>
  settings.kind === "local" ? new LocalSignIn(settings, localStorage) : new OpenIdSignIn(settings, sessionStorage);

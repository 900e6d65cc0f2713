/** Who somebody is: on a developer's machine whoever they say, else by OpenID Connect with PKCE. @module */

/** @typedef {{kind: "local" | "oidc", authority?: string, authorizationEndpoint?: string, tokenEndpoint?: string,
 *   clientId?: string, scope?: string, token?: "access_token" | "id_token", parameters?: Record<string, string>}} Settings */

export class SignInError extends Error {
  code = "unauthorized";
}

/** @param {Storage} storage */
const keep = (storage, key = "coworking") => ({
  /** @returns {Record<string, any>} */
  read: () => JSON.parse(storage.getItem(key) ?? "{}"),
  /** @param {Record<string, any>} change */
  write: (change) => storage.setItem(key, JSON.stringify({ ...JSON.parse(storage.getItem(key) ?? "{}"), ...change })),
});

/** @param {Settings} settings */
export const signIn = (settings) => (settings.kind === "local" ? new LocalSignIn() : new OpenIdSignIn(settings));

/** Tokens for the asking, from the local stack. */
class LocalSignIn {
  local = true;
  #kept = keep(localStorage);

  /** The name and avatar given, if any. */
  get who() {
    const { name, avatar } = this.#kept.read();
    return name ? { name: String(name), avatar: avatar || null } : null;
  }

  /** Whether there is no need to ask. */
  async ready() {
    return Boolean(this.who);
  }

  /** @param {{name?: string, avatar?: string | null}} [who] */
  async start(who) {
    this.#kept.write({ sub: this.#kept.read().sub ?? crypto.randomUUID(), ...who });
    await this.token({ fresh: true });
  }

  /** @param {{fresh?: boolean}} [options] @returns {Promise<string>} */
  async token({ fresh } = {}) {
    const { sub, name, avatar, token, until } = this.#kept.read();
    if (!fresh && until > Date.now() + 60_000) return token;
    const body = JSON.stringify({ sub, name, ...(avatar && { avatar }) });
    const answer = await fetch("/dev/token", { method: "POST", body });
    if (!answer.ok) throw new SignInError("The local stack gives no token");
    const issued = await answer.json();
    this.#kept.write({ token: issued.token, until: Date.parse(issued.expires_at) });
    return issued.token;
  }
}

/** @param {Uint8Array} bytes */
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (char) => ({ "+": "-", "/": "_" })[char] ?? "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** The authorization code flow. What it gets stays in this tab. */
class OpenIdSignIn {
  local = false;
  who = null;
  #kept = keep(sessionStorage);
  /** @type {Promise<string> | null} */
  #renewal = null;

  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
  }

  /** Whether there is a token; takes the one that the provider has just sent us back for. */
  async ready() {
    const query = new URLSearchParams(location.search);
    if (query.has("state")) {
      const { state, verifier, hash } = this.#kept.read();
      this.#kept.write({ state: null, verifier: null });
      history.replaceState(null, "", location.pathname + (hash ?? ""));
      if (query.get("state") !== state) throw new SignInError("This answer belongs to another sign-in.");
      const code = query.get("code");
      if (!code) throw new SignInError(query.get("error_description") ?? query.get("error") ?? "");
      await this.#exchange({ grant_type: "authorization_code", code, code_verifier: verifier, redirect_uri: this.#here });
    }
    return Boolean(this.#kept.read().token);
  }

  /** Go to the provider. */
  async start() {
    const [state, verifier] = [random(), random()];
    this.#kept.write({ state, verifier, hash: location.hash });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const url = new URL((await this.#endpoints()).authorizationEndpoint);
    const { clientId, scope = "openid profile", parameters } = this.settings;
    const query = {
      response_type: "code", client_id: clientId, redirect_uri: this.#here, scope, state,
      code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256", ...parameters,
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    location.assign(url);
  }

  /** @param {{fresh?: boolean}} [options] @returns {Promise<string>} */
  async token({ fresh } = {}) {
    const { token, until, refresh } = this.#kept.read();
    if (token && !fresh && until > Date.now()) return token;
    if (!refresh) throw new SignInError("The sign-in has expired");
    this.#renewal ??= this.#exchange({ grant_type: "refresh_token", refresh_token: refresh });
    return this.#renewal.finally(() => (this.#renewal = null));
  }

  get #here() {
    return location.origin + location.pathname;
  }

  /** @returns {Promise<{authorizationEndpoint: string, tokenEndpoint: string}>} */
  async #endpoints() {
    const { authority = "", authorizationEndpoint, tokenEndpoint } = this.settings;
    if (authorizationEndpoint && tokenEndpoint) return { authorizationEndpoint, tokenEndpoint };
    const found = await (await fetch(`${authority.replace(/\/$/, "")}/.well-known/openid-configuration`)).json();
    return { authorizationEndpoint: found.authorization_endpoint, tokenEndpoint: found.token_endpoint };
  }

  /** @param {Record<string, string>} form @returns {Promise<string>} */
  async #exchange(form) {
    const { tokenEndpoint } = await this.#endpoints();
    const body = new URLSearchParams({ ...form, client_id: this.settings.clientId ?? "" });
    const answer = await fetch(tokenEndpoint, { method: "POST", body });
    const issued = await answer.json().catch(() => ({}));
    const token = issued[this.settings.token ?? "access_token"];
    if (!answer.ok || !token) {
      this.#kept.write({ token: null, refresh: null });
      throw new SignInError(issued.error_description ?? "The provider gave no token");
    }
    const until = Date.now() + (issued.expires_in ?? 300) * 1000;
    this.#kept.write({ token, until, refresh: issued.refresh_token ?? form.refresh_token });
    return token;
  }
}

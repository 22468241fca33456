// Calls of the manager's API. A token, where one is asked for, is kept in this module's memory and nowhere else.

let token = "";
let askForToken = async () => "";

/** Say how a person is asked for a token: a function of the manager's words that returns one, or "" for none. */
export function onRefusal(ask) {
  askForToken = ask;
}

/** What the manager answered instead of doing it. `message` is its own words. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `the manager answered ${status}`);
    this.status = status;
    this.hint = problem.hint ?? "";
    this.errors = problem.errors ?? [];
  }
}

let asking = null; // one question at a time, however many calls were refused

/**
 * Ask the manager; returns the response, whatever its body is. Refused when the answer is an error; a network error
 * stays what `fetch` throws. Refused for want of a token, it asks for one and tries again.
 */
export async function ask(method, path, { body, headers = {}, signal } = {}) {
  for (;;) {
    const shown = token;
    const response = await fetch(path, {
      method,
      signal,
      cache: "no-store",
      headers: { ...headers, ...(shown && { Authorization: `Bearer ${shown}` }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.ok) return response;
    const refusal = new Refused(response.status, await response.json().catch(() => ({})));
    if (![401, 403].includes(response.status)) throw refusal;
    if (shown !== token) continue; // another call was refused too, and got one meanwhile
    asking ??= askForToken(refusal).finally(() => (asking = null));
    const given = await asking;
    if (!given) throw refusal;
    token = given;
  }
}

/** The JSON of a GET. */
export const get = async (path, signal) => (await ask("GET", path, { signal })).json();

/** Make a change that happens once, however often the request is sent; returns its JSON, or null where there is none. */
export async function change(method, path, body) {
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const response = await ask(method, path, { body, headers: { "Idempotency-Key": key } });
  const answer = await response.text();
  return answer ? JSON.parse(answer) : null;
}

/** Yield the lines of an answer as they come. */
export async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts;
  }
}

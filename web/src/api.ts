/** The gateway's HTTP side: JSON calls, uploads with progress, downloads that carry the token. */
import type { Problem } from "./view.js";

export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

const UNREACHABLE: Problem = {
  title: "The server can't be reached",
  status: 0,
  detail: "The server can't be reached. Check your connection and try once more; nothing was changed.",
};

/** A JSON call. Never throws: an unreachable server is a problem with status 0. */
export async function call<T>(
  path: string,
  token: string | null,
  init: RequestInit = {},
): Promise<Answer<T>> {
  try {
    const response = await fetch(path, { ...init, headers: headers(token, init.body) });
    return answer<T>(response.status, await response.text());
  } catch {
    return { ok: false, problem: UNREACHABLE };
  }
}

export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly size: number;
}

/** Sends a file; `onProgress` gets the share sent, 0 to 1. XHR, since fetch can't tell upload progress. */
export function upload(
  file: File,
  token: string,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Answer<StoredFile>> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", file);
    request.open("POST", "/api/v1/files");
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) =>
      onProgress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => resolve(answer<StoredFile>(request.status, request.responseText));
    request.onerror = () =>
      resolve({
        ok: false,
        problem: broken(
          "The upload broke off. Check your connection and press Import again; nothing was imported.",
        ),
      });
    request.onabort = () =>
      resolve({ ok: false, problem: broken("You stopped the upload. Nothing was imported.") });
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

/** Fetches a protected file and hands it to the browser's downloads. */
export async function download(url: string, token: string, fallbackName: string): Promise<Problem | null> {
  try {
    const response = await fetch(url, { headers: headers(token) });
    if (!response.ok) return problemOf(response.status, await response.text());
    save(await response.blob(), fileName(response.headers.get("Content-Disposition")) ?? fallbackName);
    return null;
  } catch {
    return {
      ...UNREACHABLE,
      detail: "The download broke off. Check your connection and press the button again.",
    };
  }
}

/** One sentence for a person: the detail, or the title where there is none. */
export function problemText(problem: Problem): string {
  return problem.detail || problem.title;
}

function headers(token: string | null, body?: unknown): Headers {
  const result = new Headers({ Accept: "application/json" });
  if (token) result.set("Authorization", `Bearer ${token}`);
  if (body) result.set("Content-Type", "application/json");
  return result;
}

function answer<T>(status: number, body: string): Answer<T> {
  if (status < 200 || status > 299) return { ok: false, problem: problemOf(status, body) };
  try {
    return { ok: true, value: JSON.parse(body) as T };
  } catch {
    return { ok: false, problem: problemOf(502, "") };
  }
}

function problemOf(status: number, body: string): Problem {
  try {
    return { ...(JSON.parse(body) as Problem), status };
  } catch {
    const title = `The server answered with status ${status}`;
    return {
      title,
      status,
      detail: `${title} and no explanation. Try once more; if it stays so, tell your support this number.`,
    };
  }
}

function broken(detail: string): Problem {
  return { ...UNREACHABLE, detail };
}

/** Hands data to the browser's downloads. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const anchor = Object.assign(document.createElement("a"), { href: url, download: name });
  anchor.click();
  // Revoked later: the download reads the address after the click returns.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The name in a Content-Disposition header, the `filename*` form first (RFC 6266). */
function fileName(header: string | null): string | null {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(header ?? "")?.[1];
  if (encoded) return decodeURIComponent(encoded);
  return /filename="?([^";]+)"?/i.exec(header ?? "")?.[1] ?? null;
}

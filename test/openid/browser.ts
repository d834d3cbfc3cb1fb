/** As much of a browser as a log-in needs: cookies, redirects, and forms. */

import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
}

export interface Page {
  readonly status: number;
  readonly url: URL;
  readonly headers: Headers;
  readonly text: string;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

export class Browser {
  /** By host with port: a jar that keeps ports apart, so that two servers on one address are two sites. */
  readonly jars = new Map<string, Map<string, Cookie>>();
  /** Set-Cookie fields in the order of their arrival. */
  readonly setCookies: string[] = [];

  /** One request on a connection of its own, without following where it leads. */
  async open(address: string | URL, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Page> {
    const url = new URL(address);
    const cookies = this.cookiesFor(url);
    const request = http.request(url, {
      method,
      agent: false,
      headers: {
        ...(cookies === '' ? {} : { Cookie: cookies }),
        ...(body instanceof URLSearchParams ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}),
        ...headers,
      },
    });
    request.end(body?.toString());
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const fields = new Headers();
    for (let at = 0; at < response.rawHeaders.length; at += 2)
      fields.append(response.rawHeaders[at] ?? '', response.rawHeaders[at + 1] ?? '');
    for (const field of fields.getSetCookie()) this.keep(url, field);
    return { status: response.statusCode ?? 0, url, headers: fields, text: await text(response) };
  }

  /** A request and all redirects. Rejects after ten. */
  async visit(address: string | URL, ask: Ask = {}): Promise<Page> {
    let page = await this.open(address, ask);
    for (let hops = 0; page.status >= 300 && page.status < 400; hops++) {
      if (hops === 10) throw new Error(`redirected without end, last to ${page.headers.get('Location')}`);
      page = await this.open(new URL(page.headers.get('Location') ?? '', page.url));
    }
    return page;
  }

  /** Sends the first form of a page with these fields beside its hidden ones. */
  submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page> {
    const action = /<form[^>]+action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`no form at ${page.url.href}: ${page.text.slice(0, 500)}`);
    const body = new URLSearchParams();
    for (const [, name = '', value = ''] of page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g))
      body.set(name, value);
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    return this.visit(new URL(action, page.url), { method: 'POST', body });
  }

  /** Goes through the provider's pages: who it is, and that all is granted. */
  async logIn(address: string | URL, user: string): Promise<Page> {
    let page = await this.visit(address);
    for (let forms = 0; forms < 3 && page.text.includes('<form'); forms++)
      page = await this.submit(page, { login: user, password: 'anything' });
    return page;
  }

  cookiesFor(url: URL): string {
    const jar = [...(this.jars.get(url.host)?.values() ?? [])];
    return jar
      .filter(({ path }) => url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  private keep(url: URL, field: string): void {
    this.setCookies.push(field);
    const [pair = '', ...attributes] = field.split(/; */);
    const at = pair.indexOf('=');
    const name = pair.slice(0, at);
    const of = (wanted: string): string | undefined =>
      attributes.find((each) => each.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const jar = this.jars.get(url.host) ?? new Map<string, Cookie>();
    this.jars.set(url.host, jar);
    const path = of('path') ?? '/';
    const isOver = of('max-age') === '0' || new Date(of('expires') ?? '2100-01-01').getTime() < Date.now();
    if (isOver) jar.delete(`${name};${path}`);
    else jar.set(`${name};${path}`, { name, value: pair.slice(at + 1), path });
  }
}

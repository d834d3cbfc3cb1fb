import { flat } from '../http1/bytes.ts';

/** Server and Date as lines of a head, put together once a second and not once a response. */
export class OwnFields {
  /** Server alone; '' if none is sent. */
  readonly server: string;
  private date = '';
  private both = '';

  /** @param serverHeader '' sends none */
  constructor(serverHeader: string) {
    this.server = serverHeader === '' ? '' : flat(`Server: ${serverHeader}\r\n`);
  }

  /** Server and Date. */
  at(date: string): string {
    if (date !== this.date) {
      this.date = date;
      this.both = flat(`${this.server}Date: ${date}\r\n`);
    }
    return this.both;
  }
}

/** Tells when files change: by events of their folders, since editors replace files instead of writing them. */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import { fileSignature } from '../config/configuration.ts';

/** A change is told once the files were left alone for this long. */
const QUIET_MS = 60;
/** Where no events come (network file systems), changes are found this late. */
const POLL_MS = 1_000;

export class FileWatch {
  private readonly onChange: (files: readonly string[]) => void;
  private readonly folders = new Map<string, FSWatcher | null>();
  /** As they were when they were last told of. */
  private readonly seen = new Map<string, string>();
  private readonly poll: NodeJS.Timeout;
  private quiet: NodeJS.Timeout | null = null;
  private isLooking = false;
  private isClosed = false;

  constructor(onChange: (files: readonly string[]) => void) {
    this.onChange = onChange;
    this.poll = setInterval(() => void this.look(), POLL_MS);
  }

  /** These as well; one that is not there is told of when it comes. */
  async add(files: readonly string[]): Promise<void> {
    for (const file of files) {
      if (this.seen.has(file)) continue;
      this.seen.set(file, await fileSignature(file));
      this.listen(path.dirname(file));
    }
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.poll);
    if (this.quiet !== null) clearTimeout(this.quiet);
    for (const watcher of this.folders.values()) watcher?.close();
  }

  private listen(folder: string): void {
    if (this.isClosed || this.folders.has(folder)) return;
    try {
      const watcher = watch(folder, () => this.stir());
      watcher.on('error', () => undefined);
      this.folders.set(folder, watcher);
    } catch {
      this.folders.set(folder, null);
    }
  }

  private stir(): void {
    if (this.isClosed) return;
    if (this.quiet !== null) clearTimeout(this.quiet);
    this.quiet = setTimeout(() => void this.look(), QUIET_MS);
  }

  private async look(): Promise<void> {
    if (this.isLooking) return this.stir();
    this.isLooking = true;
    const changed: string[] = [];
    for (const [file, before] of this.seen) {
      const now = await fileSignature(file);
      if (now === before) continue;
      this.seen.set(file, now);
      // One that is gone for a moment is being replaced.
      if (now !== '') changed.push(file);
    }
    this.isLooking = false;
    if (changed.length > 0 && !this.isClosed) this.onChange(changed);
  }
}

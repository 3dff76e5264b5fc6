import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Folders that are new for each run of one side. */
export class FreshFolders {
  readonly #parent: string;
  #count = 0;

  constructor(parent: string, name: string) {
    this.#parent = join(parent, name);
    mkdirSync(this.#parent);
  }

  get path(): string {
    return join(this.#parent, `${this.#count}`);
  }

  /** A new place; what earlier runs wrote is on the disk when this returns, so that the next one need not wait for it. */
  async next(): Promise<string> {
    this.#count++;
    execFileSync('sync', ['-f', this.#parent]);
    return this.path;
  }

  async remove(): Promise<void> {
    rmSync(this.path, { recursive: true, force: true });
  }
}

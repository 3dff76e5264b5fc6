import { promises as fs } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Files, type Host, mutations, type Processes, type WritableFile } from '../../pkg/host/index.ts';
import { Crash } from './counting-host.ts';
import { changesBetween, namesBelow } from './forgetful-program.ts';

/**
 * A host that forgets at the power cut what was not fsynced. Of the worlds that are possible after a cut three are tried:
 * `nothing` – unsynced names and unsynced bytes are both gone; `names` – the names made it to the disk, the bytes
 * did not (a file renamed into place before it was synced is cut to what was synced); `half` – of the unsynced names the
 * older half made it, as where a journal was written in the meantime.
 *
 * A program (git with full fsync) has synced the bytes of its files when it has ended, but those of a work tree, and no
 * names: those in its working directory are forgotten like ours. `powerCut()` puts the tree into that state.
 */
export type Survives = 'nothing' | 'names' | 'half';
export const worlds: readonly Survives[] = ['nothing', 'names', 'half'];

/** How to take a change of names back, and the folder whose sync makes it durable. */
type NameChange = { readonly folder: string; readonly takeBack: () => Promise<void> };

export class ForgetfulHost {
  readonly host: Host;
  #names: NameChange[] = [];
  /** Inode → bytes known to be on the disk; a file that isn't here is untouched by us. */
  #unsynced = new Map<string, { path: () => string; durable: Buffer }>();
  #moves = new Map<string, string>();
  #stash: string;
  #stashed = 0;
  #count = 0;
  #stopAt: number;
  #below: string;
  #dead = false;

  /** @param below the disk; what is elsewhere is gone with the power anyway, and left as it is */
  constructor(real: Host, stash: string, stopAt: number, below = '/') {
    this.#stash = stash;
    this.#stopAt = stopAt;
    this.#below = below;
    this.host = {
      ...real,
      files: this.#files(real.files),
      processes: this.#processes(real.processes),
      mounts: this.#guard(real.mounts, mutations.mounts),
      devices: this.#guard(real.devices, mutations.devices),
    };
  }

  get crashed(): boolean {
    return this.#dead;
  }

  get count(): number {
    return this.#count;
  }

  #alive(): void {
    if (this.#dead) throw new Crash('the machine is off');
  }

  #tick(name: string): void {
    this.#alive();
    if (++this.#count < this.#stopAt) return;
    this.#dead = true;
    throw new Crash(`power cut before mutation ${this.#stopAt}: ${name}`);
  }

  #guard<P extends object>(port: P, mutating: readonly string[]): P {
    return new Proxy(port, {
      get: (target, name: string) => {
        const original = (target as Record<string, (...args: unknown[]) => unknown>)[name];
        if (typeof original !== 'function') return original;
        return (...args: unknown[]) => {
          if (mutating.includes(name)) this.#tick(name);
          else this.#alive();
          return original.apply(target, args);
        };
      },
    });
  }

  #processes(real: Processes): Processes {
    const run: Processes['run'] = async (argv, options) => {
      this.#tick('run');
      const folder = options?.cwd;
      if (folder === undefined) return real.run(argv, options);
      const before = await namesBelow(folder);
      const result = await real.run(argv, options);
      for (const { path, isWritten, takeBack } of changesBetween(before, await namesBelow(folder))) {
        this.#changed(path, takeBack);
        if (isWritten && !path.startsWith(`${folder}/.git/`))
          this.#unsynced.set(path, { path: () => path, durable: Buffer.alloc(0) });
      }
      return result;
    };
    const { query, attend, leave } = this.#guard(real, []);
    return { query, run, attend, leave };
  }

  #files(real: Files): Files {
    const guarded = this.#guard(real, [
      'makeFolder',
      'removeFolder',
      'setMode',
      'setOwner',
      'makeMutable',
      'link',
      'symlink',
    ]);
    const overrides: Partial<Files> = {
      makeFolder: async (path, options) => {
        this.#tick('makeFolder');
        const made = await this.#firstMissing(path);
        await real.makeFolder(path, options);
        if (made !== undefined) this.#changed(made, () => fs.rm(made, { recursive: true, force: true }));
      },
      create: async (path, options) => {
        this.#tick('create');
        const file = await real.create(path, options);
        this.#changed(path, () => fs.rm(path, { force: true }));
        return this.#written(path, file, Buffer.alloc(0));
      },
      resume: async (path, size) => {
        this.#tick('resume');
        const before = await fs.readFile(path);
        return this.#written(path, await real.resume(path, size), before);
      },
      rename: async (from, to) => {
        this.#tick('rename');
        const old = await this.#stashLink(to);
        await real.rename(from, to);
        this.#moves.set(from, to);
        this.#changed(to, async () => {
          await fs.mkdir(dirname(from), { recursive: true });
          await fs.rename(to, from).catch(() => {});
          this.#moves.delete(from);
          if (old !== undefined) await fs.rename(old, to);
        });
      },
      link: async (from, to) => {
        this.#tick('link');
        await real.link(from, to);
        this.#changed(to, () => fs.rm(to, { force: true }));
      },
      symlink: async (target, path) => {
        this.#tick('symlink');
        await real.symlink(target, path);
        this.#changed(path, () => fs.rm(path, { force: true }));
      },
      remove: async (path) => {
        this.#tick('remove');
        const old = await this.#stashLink(path);
        await real.remove(path);
        if (old !== undefined) this.#changed(path, () => fs.rename(old, path).catch(() => {}));
      },
      removeFolder: async (path) => {
        this.#tick('removeFolder');
        await real.removeFolder(path);
        this.#changed(path, () => fs.mkdir(path).catch(() => {}));
      },
      removeTree: async (path) => {
        this.#tick('removeTree');
        if ((await real.stat(path)) === undefined) return;
        if (!path.startsWith(this.#below)) return real.removeTree(path);
        const old = join(this.#stash, `tree-${this.#stashed++}`);
        await fs.rename(path, old);
        this.#changed(path, () => fs.rename(old, path).catch(() => {}));
      },
      syncFolder: async (path) => {
        this.#tick('syncFolder');
        await real.syncFolder(path);
        this.#names = this.#names.filter((change) => change.folder !== path);
      },
    };
    return new Proxy(guarded, {
      get: (target, name: string) => (overrides as Record<string, unknown>)[name] ?? (target as never)[name],
    });
  }

  #changed(path: string, takeBack: () => Promise<void>): void {
    if (!path.startsWith(this.#below)) return;
    this.#names.push({ folder: dirname(path), takeBack });
  }

  #written(path: string, file: WritableFile, durable: Buffer): WritableFile {
    const entry = { path: () => this.#where(path), durable };
    if (path.startsWith(this.#below)) this.#unsynced.set(path, entry);
    return {
      get size() {
        return file.size;
      },
      write: async (chunk) => {
        this.#tick('write');
        await file.write(chunk);
      },
      sync: async () => {
        this.#tick('sync');
        await file.sync();
        entry.durable = await fs.readFile(this.#where(path)).catch(() => entry.durable);
      },
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  }

  /** Where a file is now: it or a folder above it may have been renamed. */
  #where(path: string): string {
    let at = path;
    for (let hops = 0; hops < 16; hops++) {
      const move = [...this.#moves].find(([from]) => at === from || at.startsWith(`${from}/`));
      if (move === undefined) break;
      at = move[1] + at.slice(move[0].length);
    }
    return at;
  }

  async #stashLink(path: string): Promise<string | undefined> {
    if (!path.startsWith(this.#below)) return undefined;
    const stat = await fs.lstat(path).catch(() => undefined);
    if (stat === undefined || stat.isDirectory()) return undefined;
    const old = join(this.#stash, `file-${this.#stashed++}`);
    await fs.link(path, old);
    return old;
  }

  async #firstMissing(path: string): Promise<string | undefined> {
    let missing: string | undefined;
    for (let at = path; (await fs.lstat(at).catch(() => undefined)) === undefined; at = dirname(at))
      missing = at;
    return missing;
  }

  /** Leaves on the disk what had been synced, and what of the rest survives. */
  async powerCut(survives: Survives): Promise<void> {
    this.#dead = true;
    for (const { path, durable } of this.#unsynced.values()) {
      const at = path();
      const now = await fs.readFile(at).catch(() => undefined);
      if (now !== undefined && !now.equals(durable)) await fs.writeFile(at, durable);
    }
    const kept = { nothing: 0, half: Math.ceil(this.#names.length / 2), names: this.#names.length }[survives];
    for (const change of this.#names.slice(kept).reverse()) await change.takeBack();
    this.#names = [];
    this.#unsynced.clear();
  }
}

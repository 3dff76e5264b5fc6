import type { Host, TpmDevice, WritableFile } from '../../pkg/host/index.ts';
import { mutations } from '../../pkg/host/index.ts';

/** Called before each mutation with its name (`files.rename`) and its arguments; throws to prevent it. */
export type Watch = (name: string, args: readonly unknown[]) => void | Promise<void>;

type Methods = Record<string, (...args: unknown[]) => unknown>;

/** The same host, but `watch` stands before every mutation; `alive` before every call at all. */
export function watchedHost(host: Host, watch: Watch, alive: () => void = () => {}): Host {
  const ports = Object.entries(host).map(([port, methods]) => [
    port,
    watchedPort(port, methods, watch, alive),
  ]);
  return Object.fromEntries(ports) as unknown as Host;
}

function watchedPort(port: string, methods: object, watch: Watch, alive: () => void): object {
  const mutating: readonly string[] = mutations[port as keyof typeof mutations];
  return new Proxy(methods, {
    get(target, name: string) {
      const original = (target as Methods)[name];
      if (typeof original !== 'function') return original;
      return (...args: unknown[]) => {
        alive();
        if (!mutating.includes(name)) return original.apply(target, args);
        return mutate(`${port}.${name}`, args, () => original.apply(target, args), watch, alive);
      };
    },
  });
}

async function mutate(
  name: string,
  args: readonly unknown[],
  run: () => unknown,
  watch: Watch,
  alive: () => void,
): Promise<unknown> {
  await watch(name, args);
  const result = await run();
  if (isTpm(result)) return watchedTpm(result, watch, alive);
  return isWritableFile(result) ? watchedFile(result, String(args[0]), watch, alive) : result;
}

const isTpm = (value: unknown): value is TpmDevice =>
  typeof value === 'object' && value !== null && 'send' in value;

const watchedTpm = (tpm: TpmDevice, watch: Watch, alive: () => void): TpmDevice => ({
  async send(command) {
    alive();
    await watch('tpm.send', [command]);
    return tpm.send(command);
  },
  [Symbol.asyncDispose]: () => tpm[Symbol.asyncDispose](),
});

const isWritableFile = (value: unknown): value is WritableFile =>
  typeof value === 'object' && value !== null && 'write' in value && 'sync' in value;

/** Writes and syncs of an open file are mutations too; closing is not. */
function watchedFile(file: WritableFile, path: string, watch: Watch, alive: () => void): WritableFile {
  return {
    get size() {
      return file.size;
    },
    async write(chunk) {
      alive();
      await watch('file.write', [path, chunk]);
      await file.write(chunk);
    },
    async sync() {
      alive();
      await watch('file.sync', [path]);
      await file.sync();
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** What stands for a power cut or kill -9 in the process: nothing that runs afterwards reaches the machine. */
export class Crash extends Error {
  override name = 'Crash';
}

/** Stops before the n-th mutation (from 1) and stays dead: undo hooks reach nothing either. */
export function crashingHost(
  host: Host,
  n: number,
): { readonly host: Host; readonly crashed: () => boolean } {
  let count = 0;
  let dead = false;
  const alive = () => {
    if (dead) throw new Crash(`the machine is off since mutation ${n}`);
  };
  const watch = (name: string) => {
    if (++count < n) return;
    dead = true;
    throw new Crash(`stopped before mutation ${n}: ${name}`);
  };
  return { host: watchedHost(host, watch, alive), crashed: () => dead };
}

/** Records the names of all mutations, in order. */
export function countingHost(host: Host): { readonly host: Host; readonly names: string[] } {
  const names: string[] = [];
  return { host: watchedHost(host, (name) => void names.push(name)), names };
}

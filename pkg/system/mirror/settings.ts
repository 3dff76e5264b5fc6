import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';
import { isRegistry, redacted } from '../../oci/index.ts';
import { lockState } from '../../state/index.ts';
import { type Machine, openMachine } from '../machine.ts';

/** Where images are looked for before the registry that a reference names. */
export type Mirrors = { readonly mirrors: readonly string[] };

export type MirrorChange = {
  readonly root: string;
  readonly add?: string | undefined;
  readonly remove?: string | undefined;
};

const fileOf = ({ state }: Machine): string => `${state.records}/mirrors.json`;
const most = 16;
const lockWait = 30_000;

/** `https://host[:port]` or `http://host[:port]`: said each time, because a mirror may be either. */
export function parseMirror(text: string): { readonly scheme: 'http' | 'https'; readonly registry: string } {
  const [, scheme, registry] = /^(https?):\/\/([^/]+)\/?$/.exec(text) ?? [];
  if (registry === undefined || !isRegistry(registry))
    throw new MosError('usage', `cannot use ${JSON.stringify(redacted(text))} as a mirror`, {
      hint: 'forms: https://host[:port], http://host[:port]',
    });
  return { scheme: scheme === 'http' ? 'http' : 'https', registry };
}

export const listMirrors = async (host: Host, { root }: { readonly root: string }): Promise<Mirrors> => ({
  mirrors: await readMirrors(host, await openMachine(host, root)),
});

export async function readMirrors(host: Host, machine: Machine): Promise<readonly string[]> {
  const file = fileOf(machine);
  const text = await readTextIfThere(host, file);
  if (text === undefined) return [];
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value)) throw new SyntaxError('it is no list');
    for (const one of value) parseMirror(String(one));
    return value.map(String);
  } catch (cause) {
    throw new MosError('corrupt', `cannot read ${file}`, {
      hint: 'remove it, and add the mirrors again',
      cause,
    });
  }
}

/** The order is that of adding; the first one is asked first. */
export async function changeMirrors(host: Host, { root, add, remove }: MirrorChange): Promise<Mirrors> {
  const machine = await openMachine(host, root);
  for (const one of [add, remove]) if (one !== undefined) parseMirror(one);
  await using _lock = await lockState(host, machine.state, { owner: 'mosctl mirror', wait: lockWait });
  const before = await readMirrors(host, machine);
  if (remove !== undefined && !before.includes(remove))
    throw new MosError('not-found', `cannot remove the mirror ${remove}: it is none`, {
      hint: 'mosctl mirror ls lists them',
    });
  const left = before.filter((one) => one !== remove);
  const mirrors = add === undefined || left.includes(add) ? left : [...left, add];
  if (mirrors.length > most)
    throw new MosError('usage', `cannot add ${add}: there are ${most} mirrors already`);
  if (mirrors.join() !== before.join())
    await writeAtomic(host, fileOf(machine), `${JSON.stringify(mirrors, null, 2)}\n`);
  return { mirrors };
}

import { isMosError, MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, sweepTemporary, writeAtomic } from '../../host/index.ts';
import { openMachine } from '../machine.ts';

/** `<config>/mos/upgrade`: settings, seed, holds, and how far the present update got. For root alone. */
export async function upgradeFolder(host: Host, root: string): Promise<string> {
  return `${(await openMachine(host, root)).state.records}/upgrade`;
}

/** One small file of the folder as a value. `read` refuses what is not of its form. */
export type UpgradeFile<T> = {
  readonly name: string;
  readonly empty: T;
  /** Throws, or undefined where the value is none. */
  read(value: Readonly<Record<string, unknown>>): T | undefined;
};

export async function readUpgradeFile<T>(host: Host, folder: string, file: UpgradeFile<T>): Promise<T> {
  const path = `${folder}/${file.name}`;
  const text = await readTextIfThere(host, path);
  if (text === undefined) return file.empty;
  let cause: unknown;
  try {
    const object = parseObject(text);
    const value = object === undefined ? undefined : file.read(object);
    if (value !== undefined) return value;
  } catch (error) {
    cause = error;
  }
  throw new MosError('corrupt', `cannot read ${path}: it is damaged`, { hint: 'remove it', cause });
}

const writeUpgradeFile = <T>(host: Host, folder: string, file: UpgradeFile<T>, value: T) =>
  writeAtomic(host, `${folder}/${file.name}`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Changes one file; two who do so at once wait for each other. Returns what is written. */
export async function changeUpgradeFile<T>(
  host: Host,
  folder: string,
  file: UpgradeFile<T>,
  change: (value: T) => T,
): Promise<T> {
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  await using _lock = await host.files.lock(`${folder}/.files.lock`, { wait: 10_000, owner: 'mosctl' });
  await sweepTemporary(host, folder);
  const before = await readUpgradeFile(host, folder, file);
  const after = change(before);
  if (JSON.stringify(after) !== JSON.stringify(before)) await writeUpgradeFile(host, folder, file, after);
  return after;
}

/** How long a look at the lock may last that somebody else takes. */
const lookTime = 1000;

/** One command at a time: the daemon's and those of the command line. */
export async function lockCommands(host: Host, folder: string, owner: string): Promise<AsyncDisposable> {
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  return host.files.lock(`${folder}/.commands.lock`, { wait: lookTime, owner });
}

/** Whether a command is at work. */
export async function isCommandAtWork(host: Host, folder: string): Promise<boolean> {
  try {
    const lock = await host.files.lock(`${folder}/.commands.lock`, {
      wait: 0,
      owner: 'a look',
      shared: true,
    });
    await lock[Symbol.asyncDispose]();
    return false;
  } catch (error) {
    if (isMosError(error, 'busy')) return true;
    if (isMosError(error, 'not-found')) return false;
    throw error;
  }
}

import { createHash } from 'node:crypto';
import { isMosError } from '../errors/index.ts';
import { type Host, readText, readTextIfThere } from '../host/index.ts';

/** One call, or several equal ones that only looked, in a second. */
export type AuditEntry = {
  readonly number: number;
  readonly time: string;
  readonly who: string;
  readonly role: string;
  readonly what: string;
  readonly result: string;
  readonly count: number;
  /** The hash of the entry before, and that of this one: SHA-256 of its line without `hash`. */
  readonly previous: string;
  readonly hash: string;
};

type Call = Pick<AuditEntry, 'who' | 'role' | 'what' | 'result'>;

const mostBytes = 8 * 1024 * 1024;
const start = '0'.repeat(64);

const hashOf = (entry: Omit<AuditEntry, 'hash'>): string =>
  createHash('sha256').update(JSON.stringify(entry)).digest('hex');

/** What a text of lines proves. `problem` names the first entry that was changed, put in or taken out. */
export function checkAudit(text: string): {
  readonly entries: readonly AuditEntry[];
  readonly problem: string | null;
} {
  const entries: AuditEntry[] = [];
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const entry = parseLine(line);
    const before = entries.at(-1);
    const fits =
      before === undefined || (entry?.previous === before.hash && entry.number === before.number + 1);
    if (entry === undefined || !fits)
      return { entries, problem: `the line after entry ${before?.number ?? 0} does not follow from it` };
    entries.push(entry);
  }
  return { entries, problem: null };
}

function parseLine(line: string): AuditEntry | undefined {
  try {
    const { hash, ...rest } = JSON.parse(line) as AuditEntry;
    return hashOf(rest) === hash ? { ...rest, hash } : undefined;
  } catch {
    return undefined;
  }
}

export type Audit = AsyncDisposable & {
  /** On the disk when it returns: for what changes something. */
  record(call: Call): Promise<void>;
  /** Gathered for a second: what only looks can come ten thousand times. */
  look(call: Call): void;
  /** Writes what was gathered. */
  flush(): Promise<void>;
};

/** The log of every call below `folder`: audit.jsonl, and the one before it in audit.1.jsonl. */
export async function openAudit(host: Host, folder: string): Promise<Audit> {
  const path = `${folder}/audit.jsonl`;
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  const last = await lastEntry(host, folder);
  let previous = last?.hash ?? start;
  let number = last?.number ?? 0;
  let work: Promise<void> = Promise.resolve();
  const looks = new Map<string, { call: Call; count: number }>();
  let timer: NodeJS.Timeout | undefined;

  const lineOf = (call: Call, count: number): string => {
    const time = host.clock.now().toISOString();
    const entry = { number: ++number, time, ...call, count, previous };
    previous = hashOf(entry);
    return `${JSON.stringify({ ...entry, hash: previous })}\n`;
  };
  const add = (calls: () => readonly [Call, number][], sync: boolean): Promise<void> => {
    const next = work.then(async () => {
      const last = { previous, number };
      try {
        const lines = calls().map(([call, count]) => lineOf(call, count));
        await append(host, path, lines.join(''), sync);
      } catch (error) {
        ({ previous, number } = last); // what is not in the log is followed by nothing
        throw error;
      }
    });
    work = next.catch(() => {});
    return next;
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    return add(() => {
      const calls = [...looks.values()].map(({ call, count }): [Call, number] => [call, count]);
      looks.clear();
      return calls;
    }, false);
  };
  const gathered = (): Promise<void> => (looks.size === 0 ? work : flush());
  return {
    record: (call) => add(() => [[call, 1]], true),
    look(call) {
      const key = JSON.stringify(call);
      const known = looks.get(key);
      if (known !== undefined) known.count++;
      else looks.set(key, { call, count: 1 });
      timer ??= setTimeout(() => void flush().catch(() => {}), 1000).unref();
    },
    flush: gathered,
    [Symbol.asyncDispose]: gathered,
  };
}

/** What stands at the end; a line that a power cut left half is cut off. */
async function lastEntry(host: Host, folder: string): Promise<AuditEntry | undefined> {
  for (const name of ['audit.jsonl', 'audit.1.jsonl']) {
    const text = await readTextIfThere(host, `${folder}/${name}`);
    if (text === undefined || text === '') continue;
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length !== text.length) {
      await using file = await host.files.resume(`${folder}/${name}`, Buffer.byteLength(whole));
      await file.sync();
    }
    const line = whole.trimEnd().split('\n').at(-1);
    const entry = line === undefined ? undefined : parseLine(line);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

async function append(host: Host, path: string, text: string, sync: boolean): Promise<void> {
  if (text === '') return;
  const stat = await host.files.stat(path);
  if (stat !== undefined && stat.size > mostBytes)
    await host.files.rename(path, path.replace(/jsonl$/, '1.jsonl'));
  const size = stat === undefined || stat.size > mostBytes ? undefined : stat.size;
  await using file =
    size === undefined ? await host.files.create(path, { mode: 0o600 }) : await host.files.resume(path, size);
  try {
    await file.write(Buffer.from(text));
    if (sync) await file.sync();
  } catch (error) {
    await using _half = await host.files.resume(path, size ?? 0); // cut off: the next line begins anew
    throw error;
  }
}

/** The older of two files begins anywhere, a log that never had two begins with 1. */
function missingBeginning([older]: readonly string[], [first]: readonly AuditEntry[]): string | null {
  if (older !== '' || first === undefined || first.number === 1) return null;
  return `the entries before ${first.number} are missing`;
}

/** Both files, checked as one chain; the newest `most`. */
export async function readAudit(host: Host, folder: string, most: number) {
  const texts = await Promise.all(
    ['audit.1.jsonl', 'audit.jsonl'].map((name) =>
      readText(host, `${folder}/${name}`).catch((error: unknown) => {
        if (isMosError(error, 'not-found')) return '';
        throw error;
      }),
    ),
  );
  const { entries, problem } = checkAudit(texts.join(''));
  return { entries: entries.slice(-most), problem: problem ?? missingBeginning(texts, entries) };
}

import { MosError } from '../../errors/index.ts';
import { isObjectId, type ObjectId } from './objects.ts';

export type TreeEntry = { readonly mode: string; readonly name: string; readonly id: ObjectId };
export type Commit = {
  readonly tree: ObjectId;
  readonly parents: readonly ObjectId[];
  /** When it was made, by the clock of the machine. */
  readonly time: Date;
  readonly message: string;
};

/** Entries of a tree object: `<mode> <name>\0<20 bytes>` each. */
export function parseTree(body: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const zero = body.indexOf(0, at);
    if (space < 0 || zero < space || zero + 21 > body.length) throw broken('tree');
    entries.push({
      mode: body.toString('latin1', at, space),
      name: body.toString('utf8', space + 1, zero),
      id: body.toString('hex', zero + 1, zero + 21),
    });
    at = zero + 21;
  }
  return entries;
}

/** The body of a tree object; git sorts files by the bytes of their names. */
export function renderTree(entries: readonly TreeEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  return Buffer.concat(
    sorted.flatMap(({ mode, name, id }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]),
  );
}

/** A commit object: headers, an empty line, the message. Signatures and other headers are passed over. */
export function parseCommit(body: Buffer): Commit {
  const text = body.toString('utf8');
  const end = text.indexOf('\n\n');
  const headers = (end < 0 ? text : text.slice(0, end)).split('\n');
  const values = (key: string) =>
    headers.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const [tree = ''] = values('tree');
  const parents = values('parent');
  const seconds = / (-?\d+) [+-]\d{4}$/.exec(values('committer')[0] ?? '')?.[1];
  if (!isObjectId(tree) || !parents.every(isObjectId) || seconds === undefined) throw broken('commit');
  return {
    tree,
    parents,
    time: new Date(Number(seconds) * 1000),
    message: end < 0 ? '' : text.slice(end + 2),
  };
}

/** What a commit object of ours says; the machine is its author. */
export function renderCommit({ tree, parents, time, message }: Commit): Buffer {
  const who = `machine <root@machine.local> ${Math.floor(time.getTime() / 1000)} +0000`;
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${who}`,
    `committer ${who}`,
  ];
  return Buffer.from(`${lines.join('\n')}\n\n${message}`);
}

const broken = (what: string): MosError =>
  new MosError('corrupt', `cannot read a ${what}: its form is wrong`);

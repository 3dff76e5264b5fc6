import { MosError } from '../errors/index.ts';
import { type Group, parseGroup, parseId, parsePasswd, type User } from './accounts.ts';
import { parseSignal } from './signals.ts';

/** The fields of an image's config that say how it is run (image-spec 1.1 config.md). Names are the spec's. */
export type ImageProcess = {
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Env?: readonly string[] | null;
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
};

/** The first process of a container. */
export type Process = {
  readonly argv: readonly [string, ...string[]];
  readonly environment: readonly (readonly [name: string, value: string])[];
  readonly uid: number;
  readonly gid: number;
  /** Besides `gid`. */
  readonly groups: readonly number[];
  readonly cwd: string;
  /** A name like SIGTERM, or SIGRTMIN+3. */
  readonly stopSignal: string;
};

/** Texts of the container's own files, "" where it has none. */
export type Accounts = { readonly passwd: string; readonly group: string };

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What other OCI runtimes make of an image's config: entrypoint and command, names of users looked up in the image's own
 * files, HOME from there. `extra` comes from the manifest and from us, and wins.
 */
export function resolveProcess(
  service: string,
  image: ImageProcess,
  accounts: Accounts,
  extra: Readonly<Record<string, string>>,
): Process {
  requireShape(service, image);
  const [program, ...rest] = [...(image.Entrypoint ?? []), ...(image.Cmd ?? [])];
  if (!program)
    throw new MosError('invalid', `cannot start ${service}: its image has neither entrypoint nor command`);
  const identity = resolveUser(service, image.User ?? '', accounts);
  const environment = new Map(
    [`PATH=${usualPath}`, `HOME=${identity.home}`, ...(image.Env ?? [])].map((line) =>
      splitVariable(service, line),
    ),
  );
  for (const [name, value] of Object.entries(extra)) environment.set(name, value);
  const { uid, gid, groups } = identity;
  return {
    argv: [program, ...rest],
    environment: [...environment],
    ...{ uid, gid, groups },
    cwd: checkedFolder(service, image.WorkingDir || '/'),
    stopSignal: parseSignal(service, image.StopSignal || 'SIGTERM'),
  };
}

/** Whoever made the image may have written anything there. No word of a program can have a NUL. */
function requireShape(service: string, image: ImageProcess): void {
  const isText = (value: unknown) => typeof value === 'string' && !value.includes('\0');
  const isList = (value: unknown) => Array.isArray(value) && value.every(isText);
  const wrong = [
    ...(['Entrypoint', 'Cmd', 'Env'] as const).filter((key) => !isList(image[key] ?? [])),
    ...(['User', 'WorkingDir', 'StopSignal'] as const).filter((key) => !isText(image[key] ?? '')),
  ];
  if (wrong.length > 0)
    throw new MosError('invalid', `cannot start ${service}: its image has a wrong ${wrong.join(', ')}`, {
      hint: 'Entrypoint, Cmd and Env are lists of text, User, WorkingDir and StopSignal are text',
    });
}

/** LXC would not start what has no such ids, and on the host they are those of others. */
export function requireIds(service: string, { uid, gid, groups }: Process, count: number): void {
  const far = [uid, gid, ...groups].find((id) => id >= count);
  if (far !== undefined)
    throw new MosError(
      'invalid',
      `cannot start ${service}: its image runs as ${far}, and it has ${count} ids`,
    );
}

/** The name must be one that a shell could have; a value must fit on one line. */
function splitVariable(service: string, line: string): readonly [string, string] {
  const at = line.indexOf('=');
  const [name, value] = at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
  if (!/^[\x21-\x7e]+$/.test(name))
    throw new MosError(
      'invalid',
      `cannot start ${service}: its image has a variable with the name ${JSON.stringify(name)}`,
    );
  if (/[\p{Cc}\u2028\u2029]/u.test(value))
    throw new MosError(
      'invalid',
      `cannot start ${service}: the variable ${JSON.stringify(name)} of its image has a control character`,
      { hint: 'write such a value to a file of the image' },
    );
  return [name, value];
}

function checkedFolder(service: string, folder: string): string {
  if (folder.startsWith('/') && !/[\p{Cc}\u2028\u2029]/u.test(folder)) return folder;
  throw new MosError(
    'invalid',
    `cannot start ${service}: its image has the working directory ${JSON.stringify(folder)}`,
  );
}

type Identity = Pick<Process, 'uid' | 'gid' | 'groups'> & { readonly home: string };

/** `user`, `uid`, `user:group`, `uid:gid` and mixtures; "" is root. */
function resolveUser(service: string, text: string, accounts: Accounts): Identity {
  const [userText = '', groupText, ...more] = text.split(':');
  if (more.length > 0) throw unknown(service, 'user', text);
  const [users, groups] = [parsePasswd(accounts.passwd), parseGroup(accounts.group)];
  const user = findUser(service, userText === '' ? '0' : userText, users);
  const gid = groupText === undefined || groupText === '' ? user.gid : findGroup(service, groupText, groups);
  const belongs = groupText === undefined ? groups.filter(({ members }) => members.includes(user.name)) : [];
  const others = new Set(belongs.map((group) => group.gid).filter((id) => id !== gid));
  return { uid: user.uid, gid, groups: [...others], home: user.home || '/' };
}

function findUser(service: string, text: string, users: readonly User[]): User {
  const byName = users.find(({ name }) => name === text);
  if (byName !== undefined) return byName;
  const uid = parseId(text);
  if (uid === undefined) throw unknown(service, 'user', text);
  return users.find((user) => user.uid === uid) ?? { name: '', uid, gid: 0, home: '/' };
}

function findGroup(service: string, text: string, groups: readonly Group[]): number {
  const gid = groups.find(({ name }) => name === text)?.gid ?? parseId(text);
  if (gid === undefined) throw unknown(service, 'group', text);
  return gid;
}

const unknown = (service: string, what: string, text: string): MosError =>
  new MosError('invalid', `cannot start ${service}: its image has no ${what} ${JSON.stringify(text)}`);

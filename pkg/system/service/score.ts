import type { InstallTarget, NetworkType } from '../../manifest/index.ts';
import { usualDisk } from './writing.ts';

/** What counts for the score of a service besides its signed definition. */
export type SecurityFacts = {
  readonly target: InstallTarget;
  /** The host's id of the container's 0; undefined with the host's ids. */
  readonly firstId: number | undefined;
  /** User of the image config. */
  readonly user: string;
  readonly hasCgroup2: boolean;
  readonly hasAppArmor: boolean;
  /** How the blocks of its root file system are checked; undefined where it is not mounted. */
  readonly integrity: 'verity' | 'digest' | 'unpacked' | undefined;
};

/** One of the points that make up a score: `got` of `most`. */
export type SecurityPoint = {
  readonly about: string;
  readonly got: number;
  readonly most: number;
  readonly why: string;
};

type Judged = readonly [got: number, why: string];
type Rule = { readonly about: string; readonly most: number; judge(facts: SecurityFacts): Judged };

/** Rights with which somebody owns the host, or all of its network, where the ids are the host's. */
const great = ['bpf', 'dac_read_search', 'mknod', 'net_admin', 'perfmon', 'sys_admin', 'sys_boot'];
const greatest = new Set([...great, 'sys_module', 'sys_ptrace', 'sys_rawio', 'mac_admin', 'mac_override']);

const networks: Readonly<Record<NetworkType, Judged>> = {
  none: [10, 'none'],
  simple: [8, 'its own, behind the rules of the host'],
  host: [0, 'all of the host'],
};

const roles = { reader: 3, operator: 1, admin: 0 } as const;

/** All that counts; `most` adds up to 100. */
const rules: readonly Rule[] = [
  {
    about: 'ids',
    most: 20,
    judge: ({ firstId }) =>
      firstId === undefined ? [0, 'the ids of the host'] : [20, `its own, from ${firstId} on`],
  },
  {
    about: 'user',
    most: 10,
    judge: ({ user }) =>
      /^(root|0+)?(:|$)/.test(user) ? [0, "the container's root"] : [10, user.split(':')[0] ?? ''],
  },
  {
    about: 'network',
    most: 10,
    judge: ({ target: { network } }) => networks[network.type],
  },
  { about: 'capabilities', most: 15, judge: ({ target }) => judgeCapabilities(target.capabilities ?? []) },
  {
    about: 'system calls',
    most: 5,
    judge: ({ target }) =>
      target.capabilities?.includes('sys_admin')
        ? [0, 'filtered, but mounts and namespaces are allowed']
        : [5, 'filtered, and no new privileges ever'],
  },
  {
    about: 'API',
    most: 5,
    judge: ({ target: { api_role } }) =>
      api_role === undefined ? [5, 'not to be reached'] : [roles[api_role], `as ${api_role}`],
  },
  {
    about: 'devices',
    most: 5,
    judge: ({ target: { devices = [] } }) =>
      devices.length === 0 ? [5, 'none of the host'] : [0, devices.join(', ')],
  },
  {
    about: 'root file system',
    most: 10,
    judge: ({ target: { read_only, resources } }) =>
      read_only
        ? [10, 'read-only']
        : [3, `writable up to ${resources?.disk ?? usualDisk} MiB, gone when it ends`],
  },
  { about: 'limits', most: 5, judge: judgeLimits },
  {
    about: 'AppArmor',
    most: 5,
    judge: ({ hasAppArmor }) =>
      hasAppArmor
        ? [5, 'a profile of its own']
        : [0, 'this kernel has none, or nobody installed apparmor_parser'],
  },
  { about: 'integrity', most: 10, judge: judgeIntegrity },
];

function judgeCapabilities(given: readonly string[]): Judged {
  if (given.length === 0) return [15, 'the usual twelve'];
  const text = `also ${given.join(', ')}`;
  return given.some((name) => greatest.has(name)) ? [0, text] : [8, text];
}

function judgeLimits({ target: { resources = {} }, hasCgroup2 }: SecurityFacts): Judged {
  if (!hasCgroup2) return [0, 'not on this machine: its control groups are not of version 2 alone'];
  const missing = (['memory', 'cpu'] as const).filter((name) => resources[name] === undefined);
  const got = 1 + (resources.memory === undefined ? 0 : 3) + (resources.cpu === undefined ? 0 : 1);
  return [got, missing.length === 0 ? 'memory, cpu and processes' : `none for ${missing.join(' and ')}`];
}

function judgeIntegrity({ integrity, target }: SecurityFacts): Judged {
  if (integrity === 'verity') return [10, 'each block is checked when it is read'];
  if (integrity === 'unpacked') return [4, 'checked when it was unpacked'];
  if (integrity === 'digest') return [2, 'checked when it was mounted'];
  return target.integrity === 'verity' ? [10, 'verity is demanded'] : [5, 'it does not run'];
}

export const judgeSecurity = (facts: SecurityFacts): SecurityPoint[] =>
  rules.map(({ about, most, judge }) => {
    const [got, why] = judge(facts);
    return { about, got, most, why };
  });

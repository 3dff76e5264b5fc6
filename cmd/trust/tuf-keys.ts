import { command } from '../cli/command.ts';
import { renderTufKeys } from '../render/tuf-keys.ts';
import { keyset } from './arguments.ts';

const roles = ['root', 'targets', 'snapshot', 'timestamp'] as const;
const days = {
  kind: 'integer',
  value: 'N',
  default: '365',
  help: 'how many days the root counts, at most 3650',
} as const;
const count = (role: string, usual: string) =>
  ({
    kind: 'text',
    value: 'SIGNERS/KEYS',
    default: usual,
    help: `keys of ${role}, and how many of them must sign`,
  }) as const;

export const tufKeysAdd = command({
  name: 'tuf-keys add',
  summary: 'Make the keys that sign release channels, and the first root that names them',
  description:
    'Roles are those of The Update Framework. Each key is a folder of its own: take those of root and targets away, and bring them back to sign. See docs/release-channels.md.',
  arguments: { keyset },
  options: {
    root: count('root', '2/3'),
    targets: count('targets', '1/1'),
    snapshot: count('snapshot', '1/1'),
    timestamp: count('timestamp', '1/1'),
    days,
  },
  examples: ['trust tuf-keys add acme --targets 2/3'],
  async run({ host, args, options }) {
    const { addTufKeys, parseTufCount } = await import('../../pkg/trust/index.ts');
    const { days, root, targets, snapshot, timestamp } = options;
    const counts = {
      root: parseTufCount(root),
      targets: parseTufCount(targets),
      snapshot: parseTufCount(snapshot),
      timestamp: parseTufCount(timestamp),
    };
    return addTufKeys(host, args.keyset, counts, { days });
  },
  render: renderTufKeys,
});

export const tufKeysRotate = command({
  name: 'tuf-keys rotate',
  summary: 'Make the next root: with new keys for a role, or to put off its end',
  description:
    'Enough keys of the present root must be there: they sign the next one, and so do its own. Old keys are left where they are. mosb release sign publishes the new root and signs again what its new keys must sign.',
  arguments: {
    keyset,
    role: {
      kind: 'choice',
      value: 'ROLE',
      choices: roles,
      optional: true,
      help: 'whose keys are replaced (none: only the end is put off)',
    },
  },
  options: {
    keys: { kind: 'text', value: 'SIGNERS/KEYS', help: 'how many the role gets (default: as before)' },
    days,
  },
  examples: ['trust tuf-keys rotate acme timestamp'],
  async run({ host, args, options }) {
    const { parseTufCount, rotateTufKeys } = await import('../../pkg/trust/index.ts');
    const count = options.keys === undefined ? undefined : parseTufCount(options.keys);
    return rotateTufKeys(host, args.keyset, { role: args.role, count, days: options.days });
  },
  render: renderTufKeys,
});

export const tufKeysShow = command({
  name: 'tuf-keys show',
  summary: 'Show the keys of the roles, and which of them are here',
  arguments: { keyset },
  async run({ host, args }) {
    const { showTufKeys } = await import('../../pkg/trust/index.ts');
    return showTufKeys(host, args.keyset);
  },
  render: renderTufKeys,
});

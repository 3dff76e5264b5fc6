import type { CommandType } from '../../pkg/system/index.ts';
import { integrity, root } from '../cli/common.ts';
import { renderUpdates } from '../render/updates.ts';
import { ca } from './incoming.ts';
import { bodyOf, remoteCommand } from './remote.ts';

const again = { kind: 'flag', help: 'also what failed to boot before' } as const;

export const updateStatus = remoteCommand(
  {
    name: 'update status',
    summary: 'Show how far the update is, and why it is not made yet',
    options: { root },
    async run({ host, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.updatesStatus(host, options);
    },
    render: renderUpdates,
  },
  () => ({ method: 'GET', path: '/updates/status' }),
);

const step = (word: string, type: CommandType, summary: string, description: string) =>
  remoteCommand(
    {
      name: `update ${word}`,
      summary,
      description,
      options: { root, ca, integrity },
      async run({ host, options, report, signal, builtAt }) {
        const use = await import('../../pkg/system/index.ts');
        return use.updateCommand(host, type, { ...options, signal, builtAt }, report);
      },
      render: renderUpdates,
    },
    () => ({ method: 'POST', path: `/v1/updates/${word}` }),
  );

export const updateCheck = remoteCommand(
  {
    name: 'update check',
    summary: 'Look for an update where the settings say, and choose it by its digest',
    options: { again, root, ca },
    async run({ host, options, report, signal, builtAt }) {
      const use = await import('../../pkg/system/index.ts');
      return use.updateCommand(host, 'refresh', { ...options, signal, builtAt }, report);
    },
    render: renderUpdates,
  },
  ({ options }) => ({ method: 'POST', path: '/v1/updates/check', body: bodyOf({ again: options.again }) }),
);

export const updatePrepare = step(
  'prepare',
  'prepare',
  'Fetch and verify the chosen update',
  'The machine stays as it is; activating then needs no network.',
);
export const updateActivate = step(
  'activate',
  'activate',
  'Make the fetched update what the next boot takes',
  'Where nothing of hostfs and bootkit changes, it runs at once.',
);
export const updateDeactivate = step(
  'deactivate',
  'deactivate',
  'Take back what the next boot would take',
  'Automatic updates would do it again: turn them off, or hold them.',
);

export const updateApply = remoteCommand(
  {
    name: 'update apply',
    summary: 'Check, prepare and activate, from wherever the update stands',
    options: {
      reboot: { kind: 'flag', help: 'and reboot, where only that makes it real' },
      ...{ root, ca, integrity },
    },
    examples: ['mosctl update apply --reboot --context machine.json'],
    async run({ host, options: { reboot, ...options }, report, signal, builtAt }) {
      const use = await import('../../pkg/system/index.ts');
      return use.applyUpdate(host, { ...options, andReboot: reboot, signal, builtAt }, report);
    },
    render: renderUpdates,
  },
  ({ options: { reboot } }) => ({
    method: 'POST',
    path: '/v1/updates/apply',
    body: bodyOf({ reboot }),
  }),
);

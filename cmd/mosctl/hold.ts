import { root } from '../cli/common.ts';
import { renderHolds } from '../render/updates.ts';
import { bodyOf, remoteCommand } from './remote.ts';

export const hold = remoteCommand(
  {
    name: 'hold',
    summary: 'Hold automatic updates back for a while, or list who does',
    description:
      'Nothing is activated and the machine is not rebooted by itself while somebody holds it; who is told to by a person does both all the same. A service does it by the API, where its manifest grants api_role operator.',
    options: {
      reason: { kind: 'text', value: 'TEXT', help: 'why; without it and --release the holds are listed' },
      owner: { kind: 'text', value: 'NAME', help: 'who holds [uid-0, or who calls]' },
      minutes: { kind: 'integer', value: 'N', help: 'for how long, at most 10080 (60)' },
      release: { kind: 'flag', help: 'end the hold of the owner' },
      root,
    },
    examples: ["mosctl hold --reason 'a backup runs' --minutes 30", 'mosctl hold --release'],
    async run({ host, options: { reason, owner, release, ...options } }) {
      const use = await import('../../pkg/system/index.ts');
      const who = owner ?? `uid-${host.machine.uid}`;
      if (release) return use.releaseUpdates(host, { ...options, owner: who });
      if (reason === undefined) return use.listUpdateHolds(host, options);
      return use.holdUpdates(host, { ...options, reason, owner: who });
    },
    render: renderHolds,
  },
  ({ options: { reason, owner, minutes, release } }) => {
    const path = '/v1/updates/holds';
    if (release) return { method: 'DELETE', path: `${path}/${owner ?? 'me'}` };
    if (reason === undefined) return { method: 'GET', path };
    return { method: 'POST', path, body: bodyOf({ reason, owner, minutes }) };
  },
);

import { command } from '../cli/command.ts';
import { root } from '../cli/common.ts';
import { ca } from './incoming.ts';

export const bootComplete = command({
  name: 'boot-complete',
  summary: 'Mark the booted generation good when it is well, or leave it to the boot loader',
  description:
    'Runs after boot. A generation that the boot loader has on trial must have all its targets well for a time: then its counter goes, it becomes the current and the good one, and the floor rises. Where that does not come, the boot loader tries again and then takes the last good one. What used up its tries is marked bad here, and is not tried again unless update is told to.',
  options: {
    root,
    ca,
    stable: {
      kind: 'integer',
      value: 'SECONDS',
      help: 'how long everything must be well without a break [10]',
    },
    limit: { kind: 'integer', value: 'SECONDS', help: 'how long to wait for that [300]' },
    reboot: { kind: 'flag', help: 'reboot a machine whose generation on trial does not prove good' },
  },
  async run({ host, options, report }) {
    const use = await import('../../pkg/system/index.ts');
    return use.bootComplete(host, options, report);
  },
  render: ({ generation, provedGood, failed }) =>
    [
      generation === null
        ? 'nothing is on trial: no boot entry of ours was booted'
        : `generation ${generation} ${provedGood ? 'proved good' : 'runs, and is not on trial'}`,
      ...failed.map((one) => `generation ${one.generation} failed: ${one.reason}`),
    ].join('\n'),
});

import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { integrity, root } from '../cli/common.ts';
import { renderTable } from '../render/table.ts';
import { ca } from './incoming.ts';

export const boot = command({
  name: 'boot',
  summary: 'Bring up all targets of the running generation but hostfs and bootkit',
  description:
    'A generation that waited for this boot becomes the current one. When all targets came up it is marked good, and the floor rises to its security version.',
  options: { root, ca, integrity },
  async run({ host, options, report }) {
    const use = await import('../../pkg/system/index.ts');
    return use.boot(host, options, report);
  },
  render: ({ generation, targets, promoted, good }) =>
    [
      `generation ${generation} is up${promoted ? ', the current one from now on' : ''}${good ? ', marked good' : ''}`,
      ...(targets.length === 0
        ? []
        : [
            renderTable(
              ['target', 'state', 'at'],
              targets.map(({ name, state, at, problem }) => [name, state, at ?? problem ?? '']),
            ),
          ]),
    ].join('\n'),
  failure({ targets }) {
    const failed = targets.filter(({ state }) => state === 'failed').map(({ name }) => name);
    return failed.length === 0 ? undefined : new MosError('state', `cannot start ${failed.join(', ')}`);
  },
});

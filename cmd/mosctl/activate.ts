import { integrity, root } from '../cli/common.ts';
import { ca } from './incoming.ts';
import { remoteCommand, servicePath } from './remote.ts';

export const activate = remoteCommand(
  {
    name: 'activate',
    summary: 'Start one target, or start it again with its new image',
    description:
      'An fs-only target is mounted read-only at <root>/mnt/atom/<name>; the image that was there stays until the new one is mounted. hostfs needs a reboot.',
    options: {
      target: { kind: 'text', value: 'NAME', short: 't', default: 'hostfs', help: 'the target' },
      root,
      ca,
      integrity,
    },
    examples: ['mosctl activate -t data'],
    async run({ host, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.activate(host, options);
    },
    render: ({ name, version, at, changed, generation }) =>
      `${name} ${version} of generation ${generation} is ${changed ? '' : 'already '}at ${at}`,
  },
  async ({ options: { target } }) => ({ method: 'POST', path: await servicePath(target, 'restart') }),
);

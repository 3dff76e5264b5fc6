import { renderReference } from '../../pkg/oci/index.ts';
import { renderUpdated } from '../render/installed.ts';
import { incomingArguments, incomingOptions, toIncoming } from './incoming.ts';
import { bodyOf, remoteCommand } from './remote.ts';

export const update = remoteCommand(
  {
    name: 'update',
    summary: 'Bring a machine to another signed manifest',
    description:
      'A complete manifest replaces all targets, a partial one keeps those it does not name. What changes hostfs or bootkit waits for the next boot. Only images that are missing are fetched.',
    arguments: incomingArguments,
    options: {
      ...incomingOptions,
      retry: { kind: 'flag', help: 'also what was tried before and did not prove good' },
    },
    examples: ['mosctl update --plan registry.example.com/machine/web:1.1.0'],
    async run({ host, args, options, report, signal, builtAt }) {
      const use = await import('../../pkg/system/index.ts');
      return use.update(
        host,
        { ...toIncoming(options, args.ref, signal, builtAt), retry: options.retry },
        report,
      );
    },
    render: renderUpdated,
  },
  ({ args: { ref }, options: { plan, plainHttp, fromMirror } }) => ({
    method: 'POST',
    path: '/v1/update',
    body: bodyOf({
      reference: renderReference(ref),
      plan,
      plainHttp,
      mirrors: fromMirror.length === 0 ? undefined : fromMirror,
    }),
  }),
);

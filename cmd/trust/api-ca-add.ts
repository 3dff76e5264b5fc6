import { command } from '../cli/command.ts';
import { keyset } from './arguments.ts';

export const apiCaAdd = command({
  name: 'api-ca add',
  summary: 'Make the CA of those who may call the machines of a keyset',
  description:
    'Its cert.pem goes to factory/secure/apiCA.pem of a machine; mosctl serve listens to nobody else.',
  arguments: { keyset },
  async run({ host, args }) {
    const { addApiCa } = await import('../../pkg/trust/index.ts');
    return addApiCa(host, args.keyset);
  },
  render: ({ keyset, path }) => `made the API CA of ${keyset} at ${path}`,
});

import { messageOf } from '../errors/index.ts';
import { ps } from '../system/index.ts';
import type { Health } from './answers.ts';
import type { Api } from './api.ts';

/** What of `status` is a standing property of a machine and no sign of trouble. */
const standing = [
  /^the product was fixed by the first install/,
  /^the floor is a file/,
  /^not checked while it is read/,
];

/** Whether somebody should look at the machine. */
export async function readHealth(api: Api): Promise<Health> {
  try {
    const [{ warnings }, services] = await Promise.all([
      api.status(),
      ps(api.host, { root: api.options.root }),
    ]);
    const problems = [
      ...warnings.filter((warning) => !standing.some((pattern) => pattern.test(warning))),
      ...services
        .filter(({ state }) => state !== 'running')
        .map(({ name, state }) => `the service ${name} is ${state}`),
    ];
    return { healthy: problems.length === 0, problems };
  } catch (error) {
    return { healthy: false, problems: [messageOf(error)] };
  }
}

import type { Host } from '../host/index.ts';
import type { Reference } from '../oci/index.ts';
import { openRepositories, placeOf, type RegistryAccess } from './places.ts';

/** The reference with the digest that its tag names now: what is chosen today is what is installed tomorrow. */
export async function pinReference(
  host: Host,
  reference: Reference,
  access: RegistryAccess,
): Promise<{ readonly reference: Reference; readonly digest: string }> {
  await using repositories = openRepositories(host, access);
  const { place, repository, name } = placeOf(reference);
  const { digest } = await (await repositories.open(place, repository)).resolve(name);
  return { reference: { ...reference, name: digest }, digest };
}

// The tree that XML becomes here: elements, attributes and text, and nothing else, because nothing else is let in.

export interface XmlAttribute {
  readonly prefix: string;
  readonly local: string;
  /** Empty for an attribute without a prefix, whatever the default namespace is (Namespaces in XML §6.2). */
  readonly namespace: string;
  readonly value: string;
}

export class XmlElement {
  readonly children: (XmlElement | string)[] = [];

  constructor(
    readonly prefix: string,
    readonly local: string,
    readonly namespace: string,
    readonly attributes: readonly XmlAttribute[],
    /** What is declared here, by prefix; the default namespace by the empty one. */
    readonly declared: ReadonlyMap<string, string>,
    readonly parent: XmlElement | undefined,
  ) {}

  is(namespace: string, local: string): boolean {
    return this.namespace === namespace && this.local === local;
  }

  get elements(): XmlElement[] {
    return this.children.filter((child) => typeof child !== 'string');
  }

  all(namespace: string, local: string): XmlElement[] {
    return this.elements.filter((child) => child.is(namespace, local));
  }

  /** The one there is. @returns undefined where there are several, too: nobody chooses between them. */
  only(namespace: string, local: string): XmlElement | undefined {
    const all = this.all(namespace, local);
    return all.length === 1 ? all[0] : undefined;
  }

  /** Without a namespace, as all of SAML are. */
  attribute(local: string): string | undefined {
    return this.attributes.find((one) => one.namespace === '' && one.local === local)?.value;
  }

  /** All of it, where it holds text alone. */
  get text(): string | undefined {
    return this.elements.length > 0 ? undefined : this.children.join('');
  }

  *descendants(): Generator<XmlElement> {
    for (const child of this.elements) {
      yield child;
      yield* child.descendants();
    }
  }
}

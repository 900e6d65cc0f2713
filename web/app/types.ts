/** The types that the modules of the page share. */
export {};

declare global {
  interface HTMLElementTagNameMap {
    "cr-chat": HTMLElement;
    "cr-lobby": HTMLElement;
    "cr-people": HTMLElement;
  }

  type Child = Node | string | false | null | undefined;
  /** Attributes by name, and listeners as `onclick`. */
  type Props = { [name: `on${string}`]: (event: any) => any; [name: string]: any };

  /** Make an element: `h("p.soft", { title: "…" }, ...)` has a class and an attribute. Attributes may be left out. */
  type Make = <Tag extends keyof HTMLElementTagNameMap>(kind: Tag | `${Tag}.${string}`, ...parts: [(Props | Child)?, ...Child[]]) => HTMLElementTagNameMap[Tag];
  type Fill = <Parent extends Element>(parent: Parent, ...children: Child[]) => Parent;
  type MakeField = (label: string, tag: keyof HTMLElementTagNameMap, props: Props, ...children: Child[]) => HTMLLabelElement;
  /** `act` gets the values of the fields. If it fails, the form shows the error. */
  type MakeForm = (label: string, act: (values: Record<string, string>) => Promise<any>, ...fields: Child[]) => HTMLFormElement;
  type ShowDialog = (title: string, ...children: Child[]) => HTMLDialogElement;
  /** Give a node the colours of a room or a person. */
  type Paint = <Painted extends HTMLElement>(node: Painted, color: string) => Painted;
  /** A picture, or initials. Screen readers skip it. */
  type MakeFace = (person: { id?: string | null; name: string; avatar?: string | null }) => HTMLElement;
  /** Show items. An item with a known key keeps its node; `update` gets the new item. */
  type ShowList = <Item>(
    parent: Element & { kept?: Map<string, Row<Item>> },
    items: readonly Item[],
    key: (item: Item) => string,
    make: (item: Item) => Row<Item>,
  ) => void;
  type Row<Item> = Element & { update?: (item: Item) => void };

  type Settings = { api: string; signIn: SignInSettings; rtc?: RTCConfiguration };
  type SignIn = {
    isLocal: boolean;
    /** Whether the user is signed in. */
    ready(): Promise<boolean>;
    start(who: { name?: string }): Promise<void>;
    token: import("../sdk/public.js").TokenProvider;
  };
  type SignInSettings = {
    kind: "local" | "oidc";
    authorizationEndpoint: string;
    tokenEndpoint: string;
    clientId: string;
    scope?: string;
    /** The token that the API takes. */
    token?: "access_token" | "id_token";
    /** Further parameters for the authorization endpoint. */
    parameters?: Record<string, string>;
  };

  type App = {
    coworking: import("../sdk/index.js").Coworking;
    rtc?: RTCConfiguration;
    me?: Profile;
    start(): Promise<void>;
    /** Show a screen for an error. */
    fail(error: any): void;
    /** Choose a theme: `light`, `dark`, or "" for the system's. */
    setTheme(theme: string): void;
  };
  type Room = import("../sdk/public.js").Room;
  type RoomState = import("../sdk/public.js").RoomState;
  type RoomSummary = import("../sdk/wire.js").RoomSummary;
  type Message = import("../sdk/wire.js").RoomMessage;
  type Pending = import("../sdk/public.js").Pending;
  type Person = import("../sdk/public.js").Participant;
  type Profile = import("../sdk/wire.js").Me;
  type Device = import("../sdk/public.js").Device;
}
